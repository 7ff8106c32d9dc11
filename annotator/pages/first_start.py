"""What a fresh data directory gets: people who can sign in, and the demo project with its photos.

Idempotent: a second call changes nothing, and a demo project that somebody archived or renamed does not come back.
Outside of the demo there is one first admin, whose random password is shown once and kept nowhere.
"""

import os
import secrets
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from annotator.accounts.models import User
from annotator.accounts.stock_accounts import ADMIN, ANNOTATOR, keep, read_kept
from annotator.projects.models import Membership, Project, Role


def ensure_people() -> list[dict[str, str]]:
    """Make the demo's admin and annotator; return rows of username and hint (how to sign in)."""
    kept = read_kept()
    rows = []
    for username in (ADMIN, ANNOTATOR):
        password, is_known = _ensure_person(username, kept.get(username, ""))
        kept[username] = password if is_known else ""
        hint = f"with password {password}" if is_known else "with the password that was set for it"
        rows.append({"username": username, "hint": hint})
    keep({name: password for name, password in kept.items() if password})
    return rows


def ensure_first_admin() -> list[dict[str, str]]:
    """Make an admin where nobody can administer the server; return how to sign in, which is said this once."""
    is_there = User.objects.filter(is_superuser=True, is_active=True).exists()
    if is_there or User.objects.filter(username=ADMIN).exists():
        return []
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(username=ADMIN, password=password)
    return [{"username": ADMIN, "hint": f"with password {password} (shown only now: change it after signing in)"}]


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
