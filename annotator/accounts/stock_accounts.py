"""The accounts of the demo, `admin` and `annotator`, and what is known of their passwords.

Outside of the demo (`DEMO=0`, or BEHIND_TLS without a word on it) none of this is made; annotator/checks.py warns
while a password of the demo still opens an account there.
"""

import json
import os
from pathlib import Path

from django.conf import settings

from annotator.accounts.models import User

ADMIN, ANNOTATOR = "admin", "annotator"


def sign_in_file() -> Path:
    """Return the file that keeps the first passwords, readable by its owner only."""
    return Path(settings.DATA_DIR) / "sign-in.json"


def read_kept() -> dict[str, str]:
    """Return the passwords that are kept, by user name."""
    try:
        kept = json.loads(sign_in_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(word) for name, word in kept.items()} if isinstance(kept, dict) else {}


def keep(passwords: dict[str, str]) -> None:
    """Write the passwords down, unless they stand there already."""
    file = sign_in_file()
    text = json.dumps(passwords, indent=2) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    temporary = file.with_suffix(".part")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(file)


def open_to_demo_passwords() -> list[str]:
    """Return the names of active accounts that a password of the demo still opens."""
    kept, given = read_kept(), os.environ.get("DEMO_PASSWORD", "")
    words = {name: {kept.get(name, ""), given} - {""} for name in {ADMIN, ANNOTATOR, *kept}}
    known = {name for name in words if words[name]}
    people = User.objects.filter(username__in=known, is_active=True).order_by("username") if known else []
    return [person.username for person in people if any(map(person.check_password, words[person.username]))]
