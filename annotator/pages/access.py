"""From access rules to pages: an outsider sees "not found", a member without the right sees "not allowed"."""

from collections.abc import Callable
from functools import wraps
from typing import TypedDict, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from annotator.accounts.models import User
from annotator.accounts.people import require_server_admin
from annotator.errors import ForbiddenError, MissingError
from annotator.pages.numbers import read_numbers
from annotator.projects.access import Right, get_project, has_right, role_of
from annotator.projects.models import Project

View = Callable[..., HttpResponse]
Context = dict[str, object]  # what a template is given


class ProjectContext(TypedDict):
    """What every page inside a project shows: the project, the person's role, the open section."""

    project: Project
    role: str | None
    section: str
    can_manage: bool
    can_annotate: bool
    can_review: bool


def person(request: HttpRequest) -> User:
    """Return the signed-in person of a page that asks for one."""
    return cast("User", request.user)


def project_page(right: Right = Right.VIEW) -> Callable[[View], View]:
    """Turn `view(request, project, **rest)` into a page for signed-in members with the right."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def wrapped(request: HttpRequest, project_id: int, **rest: object) -> HttpResponse:
            try:
                return view(request, get_project(person(request), project_id, right=right), **rest)
            except MissingError as error:
                raise Http404(error.message) from error
            except ForbiddenError as error:
                raise PermissionDenied(error.message) from error

        return wrapped

    return decorate


def server_admin_page(view: View) -> View:
    """Turn a view into a page for server admins; everybody else sees "not allowed"."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **rest: object) -> HttpResponse:
        try:
            require_server_admin(person(request))
        except ForbiddenError as error:
            raise PermissionDenied(error.message) from error
        return view(request, *args, **rest)

    return wrapped


def project_context(request: HttpRequest, project: Project, *, section: str) -> ProjectContext:
    """Return what every page inside a project shows: the project, the person's role, the open section."""
    role = role_of(person(request), project.pk)
    return {
        "project": project,
        "role": role,
        "section": section,
        "can_manage": has_right(role, Right.MANAGE),
        "can_annotate": has_right(role, Right.ANNOTATE),
        "can_review": has_right(role, Right.REVIEW),
    }


def chosen_ids(request: HttpRequest) -> list[int]:
    """Return the images that were ticked in a form; what is no number is left out."""
    return read_numbers(request.POST.getlist("image"))
