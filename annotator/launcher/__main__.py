"""Entry. This file keeps to syntax that Python 3.6 reads, so that an old Python gets a sentence and no SyntaxError."""

import sys

OLDEST_PYTHON = (3, 11)


def describe_old_python(version: "tuple[int | str, ...]") -> str:
    """Return the refusal for a Python that is too old, or an empty string."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return ""
    found = ".".join(str(part) for part in version[:2])
    return (
        f"Maskwright needs Python 3.11 or newer and this one is {found}; name a newer one: make run PYTHON=python3.12"
    )


if __name__ == "__main__":
    refusal = describe_old_python(sys.version_info)
    if refusal:
        sys.exit(refusal)
    from annotator.launcher.commands import main

    sys.exit(main(sys.argv[1:]))
