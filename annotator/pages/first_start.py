"""What a fresh data directory gets: people who can sign in, and the demo project with its photos.

Idempotent: a second call changes nothing, and a demo project that somebody archived or renamed does not come back.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from annotator.accounts.models import User
from annotator.projects.models import Membership, Project, Role

ADMIN, ANNOTATOR = "admin", "annotator"


def sign_in_file() -> Path:
    """Return the file that keeps the first passwords, readable by its owner only."""
    return Path(settings.DATA_DIR) / "sign-in.json"


def ensure_people() -> list[dict[str, str]]:
    """Make the first admin and the first annotator; return rows of username and hint (how to sign in)."""
    kept = _read_kept()
    rows = []
    for username in (ADMIN, ANNOTATOR):
        password, is_known = _ensure_person(username, kept.get(username, ""))
        kept[username] = password if is_known else ""
        hint = f"with password {password}" if is_known else "with the password that was set for it"
        rows.append({"username": username, "hint": hint})
    _keep({name: password for name, password in kept.items() if password})
    return rows


def load_demo() -> bool:
    """Load the demo project once per data directory, with the first annotator in it; say whether it was done now."""
    marker = Path(settings.DATA_DIR) / "demo-loaded"
    if marker.exists():
        return False
    call_command("load_demo", stdout=sys.stderr)
    project = Project.objects.get(settings__demo=True)
    annotator = User.objects.get(username=ANNOTATOR)
    Membership.objects.get_or_create(project=project, user=annotator, defaults={"role": Role.ANNOTATOR})
    marker.touch()
    return True


def _ensure_person(username: str, kept: str) -> tuple[str, bool]:
    given = os.environ.get("DEMO_PASSWORD", "")
    user = User.objects.filter(username=username).first()
    if user is None:
        password = given or secrets.token_urlsafe(9)
        make = User.objects.create_superuser if username == ADMIN else User.objects.create_user
        make(username=username, password=password)
        return password, True
    if given and not user.check_password(given):
        user.set_password(given)
        user.save(update_fields=["password"])
    candidate = given or kept
    return candidate, bool(candidate) and user.check_password(candidate)


def _read_kept() -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(sign_in_file().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return kept


def _keep(passwords: dict[str, str]) -> None:
    file = sign_in_file()
    text = json.dumps(passwords, indent=2) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    temporary = file.with_suffix(".part")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(file)
