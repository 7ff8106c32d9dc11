"""Everybody with an account, for server admins: find, make, change, deactivate, and who is a server admin.

The last active server admin stays one, and nobody closes their own account or gives up their own right here. Knows
nothing of projects but what the rows of `memberships` say.
"""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from annotator.accounts.answers import PersonOut
from annotator.accounts.models import User
from annotator.errors import ConflictError, ForbiddenError, InvalidError, MissingError

STATES = {
    "active": Q(is_active=True),
    "deactivated": Q(is_active=False),
    "admins": Q(is_active=True, is_superuser=True),
}


def require_server_admin(user: User) -> None:
    """Raise ForbiddenError unless the person is a server admin."""
    if not user.is_superuser:
        raise ForbiddenError(_("Only server admins may do that."), code="not_server_admin")


def find_people(search: str = "", *, state: str = "") -> QuerySet[User]:
    """Return the people whose name or mail address holds each word, by user name."""
    rows = User.objects.filter(STATES.get(state, Q())).prefetch_related("memberships__project")
    for word in search.split():
        fields = ("username", "first_name", "last_name", "email")
        rows = rows.filter(Q(*((f"{field}__icontains", word) for field in fields), _connector=Q.OR))
    return rows.order_by("username")


def get_person(person_id: int) -> User:
    """Return a person; raise MissingError for an unknown id."""
    person = User.objects.prefetch_related("memberships__project").filter(pk=person_id).first()
    if person is None:
        raise MissingError(_("There is no such person."))
    return person


def describe_person(person: User) -> PersonOut:
    """Return the PersonOut dictionary of a row."""
    rows = sorted(person.memberships.all(), key=lambda row: row.project.name)
    return {
        "id": person.pk,
        "username": person.username,
        "name": person.display_name,
        "email": person.email,
        "is_active": person.is_active,
        "is_server_admin": person.is_superuser,
        "has_password": person.has_usable_password(),
        "last_sign_in": person.last_login,
        "created_at": person.date_joined,
        "projects": [{"id": row.project_id, "name": row.project.name, "role": row.role} for row in rows],
    }


def issuers_of(person: User) -> list[str]:
    """Return the providers at which the person signs in."""
    return sorted(set(person.identities.values_list("issuer", flat=True)))


def create_person(*, username: str, name: str = "", email: str = "", password: str | None = None) -> User:
    """Make an account; raise InvalidError for a name that cannot be, ConflictError for one that is taken.

    A name counts as taken in whichever case it is written, so that nobody passes for somebody else.
    """
    username = User.normalize_username(username.strip())
    try:
        User.username_validator(username)
    except ValidationError as error:
        raise InvalidError(_("Use letters, digits and @ . + - _ only."), code="bad_username") from error
    taken = ConflictError(_("The user name is taken."), code="username_taken")
    if User.objects.filter(username__iexact=username).exists():
        raise taken
    try:
        with transaction.atomic():
            return User.objects.create_user(username=username, email=email, password=password, first_name=name)
    except IntegrityError as error:
        raise taken from error


@transaction.atomic
def change_person(person: User, *, name: str | None = None, email: str | None = None) -> User:
    """Change what a person is called and where mail goes."""
    if name is not None:
        person.first_name, person.last_name = name, ""
    if email is not None:
        person.email = User.objects.normalize_email(email)
    person.save(update_fields=["first_name", "last_name", "email"])
    return person


@transaction.atomic
def set_active(person: User, is_active: bool, *, by: User) -> User:
    """Deactivate an account, which ends all that hangs on it at once (access_ended.py), or bring it back."""
    person = _locked(person)
    if not is_active:
        _keep_admins(person, by=by)
    if person.is_active != is_active:
        person.is_active = is_active
        person.save(update_fields=["is_active"])
    return person


@transaction.atomic
def set_server_admin(person: User, is_server_admin: bool, *, by: User) -> User:
    """Make a person a server admin, or no longer one."""
    person = _locked(person)
    if is_server_admin and not person.is_active:
        raise ConflictError(_("The account is deactivated; reactivate it first."), code="deactivated")
    if not is_server_admin:
        _keep_admins(person, by=by)
    if person.is_superuser != is_server_admin:
        person.is_superuser = is_server_admin
        person.save(update_fields=["is_superuser"])
    return person


@transaction.atomic
def follow_group(person: User, is_in_group: bool) -> User:
    """Make a person a server admin or not, as a group elsewhere says; the last one stays one all the same."""
    person = _locked(person)
    is_last = not User.objects.filter(STATES["admins"]).exclude(pk=person.pk).exists()
    if person.is_superuser != is_in_group and (is_in_group or not is_last):
        person.is_superuser = is_in_group
        person.save(update_fields=["is_superuser"])
    return person


def _locked(person: User) -> User:
    """Return the person as the database has it, held together with every active server admin until the end."""
    wanted = Q(pk=person.pk) | STATES["admins"]
    rows = {row.pk: row for row in User.objects.select_for_update(no_key=True).filter(wanted).order_by("pk")}
    return rows[person.pk]


def _keep_admins(person: User, *, by: User) -> None:
    if person.pk == by.pk:
        raise ConflictError(_("Another server admin has to do that to your account."), code="own_account")
    if person.is_superuser and not User.objects.filter(STATES["admins"]).exclude(pk=person.pk).exists():
        raise ConflictError(_("The server keeps at least one admin."), code="last_server_admin")
