"""The hosted checks run what a person runs, on every Python that the package says it supports."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from annotator.launcher.options import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[str, Any]:
    """Return a workflow file as it is read by YAML 1.1, where the key `on` is true."""
    read: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return read


def test_the_checks_are_those_of_make_test() -> None:
    steps = workflow("checks.yml")["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run", "make test-slow"]
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "make test"


def test_every_supported_python_is_checked_on_both_databases_and_redis() -> None:
    job = workflow("checks.yml")["jobs"]["test"]
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = package["project"]["requires-python"].removeprefix(">=")
    assert job["strategy"]["matrix"]["python"] == [oldest, "3.12", "3.13"]
    assert set(job["services"]) == {"postgres", "redis"}
    assert {"TEST_POSTGRESQL_URL", "TEST_REDIS_URL"} <= set(job["env"])


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yml")), ids=lambda file: file.name)
def test_a_workflow_may_do_no_more_than_it_needs(file: Any) -> None:
    read = workflow(file.name)
    assert read["permissions"] == {"contents": "write" if file.name == "release.yml" else "read"}
    assert "pull_request_target" not in file.read_text(encoding="utf-8")


def test_hooks_run_commands_that_the_project_installs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    programs = {re.sub(r"^\.venv/bin/(\S+).*", r"\1", hook["entry"]) for hook in hooks if hook["entry"][0] == "."}
    assert programs == {"ruff", "lint-imports"}
    assert "\nruff==" in pinned
    assert "\nimport-linter==" in pinned
    assert all(hook["language"] == "system" for hook in hooks)
