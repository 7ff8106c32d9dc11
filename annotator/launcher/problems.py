"""What can stand in the way of a start, each as one sentence that says what to do."""

import re

# Which words of pip, npm or the system name which cause; the first match wins.
_CAUSES: list[tuple[str, str]] = [
    (
        r"No space left on device|ENOSPC|Disk quota exceeded",
        "The disk is full: free some space and run the command again; what is done already is kept.",
    ),
    (
        r"unable to execute '|command '[^']*(?:gcc|cc|clang|c\+\+|g\+\+)' failed"
        r"|Microsoft Visual C\+\+|No such file or directory: '(?:gcc|cc|clang|g\+\+)'|Python\.h: No such file"
        r"|CMake must be installed|no acceptable C compiler",
        "A requirement has no ready-made build for this machine and no C compiler was found: install one (on Debian: "
        "apt install build-essential python3-dev) and run the command again.",
    ),
    (
        r"NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution|ConnectTimeout"
        r"|ReadTimeout|ProxyError|ConnectionResetError|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT"
        r"|Network is unreachable|Connection refused|CERTIFICATE_VERIFY_FAILED|ERR_SOCKET_TIMEOUT",
        "The package index cannot be reached: check the network or the proxy, then run the command again.",
    ),
    (
        r"ensurepip is not|No module named '?(?:venv|ensurepip)",
        "This Python cannot make virtual environments: install its venv module (on Debian: apt install python3-venv).",
    ),
    (
        r"Permission denied|EACCES|Read-only file system",
        "The folder of the project cannot be written: check who owns it.",
    ),
]

_REFUSAL = "CommandError: "


class LaunchError(Exception):
    """A start that cannot go on; the text is the one sentence that the person reads."""


def explain_failure(output: str, *, step: str, log_file: str) -> str:
    """Return one sentence for a failed installer's output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines and lines[-1].startswith(_REFUSAL):  # a sentence of ours, which says what to do
        return f"{step} failed. {lines[-1].removeprefix(_REFUSAL)}"
    for pattern, sentence in _CAUSES:
        if re.search(pattern, output):
            return f"{step} failed. {sentence}"
    errors = [line for line in lines if line.lower().startswith(("error", "npm error"))]
    last = (errors or lines or ["it said nothing"])[-1]
    return f"{step} failed: {last[:300]} (everything it said is in {log_file})."
