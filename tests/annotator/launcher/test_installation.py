"""When a step of the installation runs again: when what it reads changed, and only then."""

from pathlib import Path

from annotator.launcher.installation import FRONTEND, frontend_sources, hash_files


def test_the_hash_follows_names_contents_and_salt(tmp_path: Path) -> None:
    one, two = tmp_path / "one.ts", tmp_path / "two.ts"
    one.write_text("a")
    two.write_text("b")
    before = hash_files([one, two], salt="s")
    assert hash_files([one, two], salt="s") == before
    assert hash_files([one, two], salt="t") != before
    assert hash_files([one], salt="s") != before
    two.write_text("c")
    assert hash_files([one, two], salt="s") != before
    two.write_text("b")
    assert hash_files([one, two.rename(tmp_path / "three.ts")], salt="s") != before


def test_the_build_reads_sources_and_configuration_but_no_tests_and_no_packages() -> None:
    sources = frontend_sources()
    names = {path.relative_to(FRONTEND).as_posix() for path in sources}
    assert {"src/main.ts", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"} <= names
    assert not [name for name in names if name.endswith(".test.ts") or name.startswith("node_modules/")]
    assert sources == sorted(sources)
