"""Everybody with an account, for server admins: the list, invitations, one person, and what ends their access."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotator.accounts import account_links, people
from annotator.accounts.models import User
from annotator.accounts.people_api import link_to
from annotator.errors import AppError, MissingError
from annotator.pages.access import Context, person, server_admin_page
from annotator.pages.people_forms import STATE_CHOICES, InviteForm, PersonForm, PersonSettingsForm
from annotator.pages.views.account import sign_in_context

PAGE_SIZE = 50


@server_admin_page
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    """Show everybody with an account, and the invitations that still work."""
    return _show_list(request)


@server_admin_page
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Make an invitation and show its link, this once."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    context: Context = {"form": form, "nav": "people"}
    if form.is_bound and form.is_valid():
        try:
            row, secret = account_links.make_invite(person(request), **form.cleaned_data)
        except AppError as refusal:
            form.add_error(None, refusal.message)
        else:
            context |= {"link": link_to(request, secret), "link_row": row, "form": InviteForm()}
    return render(request, "pages/invite.html", context)


@server_admin_page
@require_POST
def invite_withdraw(request: HttpRequest, invite_id: int) -> HttpResponse:
    """Withdraw an invitation."""
    try:
        account_links.end_invite(invite_id)
        messages.success(request, _("The invitation is withdrawn; its link does nothing any more."))
    except MissingError as refusal:
        messages.error(request, refusal.message)
    return redirect("people")


@server_admin_page
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def person_new(request: HttpRequest) -> HttpResponse:
    """Make an account; show the link by which its person chooses a password."""
    form = PersonForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = people.create_person(**form.cleaned_data)
        except AppError as refusal:
            form.add_error("username", refusal.message)
        else:
            messages.success(request, _("The account “%(name)s” is made.") % {"name": made.username})
            return _show_password_link(request, made)
    return render(request, "pages/person_new.html", {"form": form, "nav": "people"})


@server_admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def person_page(request: HttpRequest, person_id: int) -> HttpResponse:
    """Show a person; POST changes what the person is called and where mail goes."""
    one = _find(person_id)
    form = PersonSettingsForm(request.POST) if request.method == "POST" else PersonSettingsForm.of(one)
    if form.is_bound and form.is_valid():
        people.change_person(one, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("person", person_id)
    return _show_person(request, one, form=form)


@server_admin_page
@never_cache
@require_POST
def password_link(request: HttpRequest, person_id: int) -> HttpResponse:
    """Make a link by which the person chooses a password, and show it, this once."""
    return _show_password_link(request, _find(person_id))


@server_admin_page
@require_POST
def set_active(request: HttpRequest, person_id: int) -> HttpResponse:
    """Deactivate an account, or bring it back."""
    is_active = request.POST.get("is_active") == "1"
    said = _("%(name)s can sign in again.") if is_active else _("%(name)s is signed out everywhere and cannot sign in.")
    return _change(request, person_id, lambda one: people.set_active(one, is_active, by=person(request)), said)


@server_admin_page
@require_POST
def set_server_admin(request: HttpRequest, person_id: int) -> HttpResponse:
    """Make a person a server admin, or no longer one."""
    is_admin = request.POST.get("is_server_admin") == "1"
    said = _("%(name)s is a server admin now.") if is_admin else _("%(name)s is no server admin any more.")
    return _change(request, person_id, lambda one: people.set_server_admin(one, is_admin, by=person(request)), said)


def _change(request: HttpRequest, person_id: int, change: Callable[[User], User], said: str) -> HttpResponse:
    one = _find(person_id)
    try:
        change(one)
        messages.success(request, said % {"name": one.display_name})
    except AppError as refusal:
        messages.error(request, refusal.message)
    return redirect("person", person_id)


def _find(person_id: int) -> User:
    try:
        return people.get_person(person_id)
    except (MissingError, OverflowError) as error:
        raise Http404(_("There is no such person.")) from error


def _show_list(request: HttpRequest) -> HttpResponse:
    search, state = request.GET.get("search", "")[:200], request.GET.get("state", "")
    page = Paginator(people.find_people(search, state=state), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "people": [people.describe_person(row) for row in page],
        "page": page,
        "search": search,
        "state": state,
        "states": STATE_CHOICES,
        "invites": account_links.living_invites(),
        "nav": "people",
    }
    return render(request, "pages/people.html", context)


def _show_password_link(request: HttpRequest, one: User) -> HttpResponse:
    try:
        row, secret = account_links.make_password_link(one, person(request))
    except AppError as refusal:
        messages.error(request, refusal.message)
        return redirect("person", one.pk)
    return _show_person(request, one, link=link_to(request, secret), link_row=row)


def _show_person(request: HttpRequest, one: User, **context: object) -> HttpResponse:
    context.setdefault("form", PersonSettingsForm.of(one))
    described = {**people.describe_person(one), "identities": people.issuers_of(one)}
    context |= {**sign_in_context(), "one": described, "is_self": one.pk == person(request).pk, "nav": "people"}
    return render(request, "pages/person.html", context)
