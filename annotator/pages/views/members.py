"""Members of a project and their roles."""

import secrets

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotator.accounts.models import User
from annotator.accounts.people import create_person
from annotator.errors import AppError, MissingError
from annotator.pages.access import person, project_context, project_page
from annotator.pages.forms import LinkForm, MemberForm, RoleForm
from annotator.pages.templatetags.pages import ROLE_WORDS, role_word
from annotator.projects import links
from annotator.projects.access import Right, require_right, role_of
from annotator.projects.links_api import address_of
from annotator.projects.models import Membership, Project
from annotator.projects.selectors import list_members
from annotator.projects.services import add_member, change_role, remove_member


@project_page()
@require_http_methods(["GET", "HEAD", "POST"])
def member_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the members; POST adds one."""
    if request.method == "POST":
        require_right(person(request), project.pk, right=Right.MANAGE)
        return _add(request, project)
    return _render(request, project, MemberForm())


def _add(request: HttpRequest, project: Project) -> HttpResponse:
    form = MemberForm(request.POST)
    if form.is_valid():
        username, role = form.cleaned_data["username"], form.cleaned_data["role"]
        try:
            password = _make_person(request, username)
            add_member(project, username=username, role=role, by=person(request))
        except AppError as refusal:
            form.add_error("username", refusal.message)
        else:
            messages.success(request, _what_was_added(username, role, password))
            return redirect("members", project.pk)
    return _render(request, project, form)


def _what_was_added(username: str, role: str, password: str) -> str:
    sentence = _("%(name)s is now a member of this project, as %(role)s.") % {"name": username, "role": role_word(role)}
    if not password:
        return sentence
    note = _("Their password is %(password)s : pass it on, it is shown only now.") % {"password": password}
    return f"{sentence} {note}"


def _make_person(request: HttpRequest, username: str) -> str:
    """Make an account for a new name when a server admin asks for it; return its password, else an empty string."""
    wants_account = person(request).is_superuser and settings.LOCAL_SIGN_IN and "make_account" in request.POST
    if not wants_account or User.objects.filter(username=username).exists():
        return ""
    password = secrets.token_urlsafe(9)
    create_person(username=username, password=password)
    return password


@project_page(Right.MANAGE)
@require_POST
def member_edit(request: HttpRequest, project: Project, member_id: int) -> HttpResponse:
    """Give a member another role."""
    member = get_object_or_404(Membership.objects.select_related("user"), pk=member_id, project=project)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            change_role(member, role=form.cleaned_data["role"])
            messages.success(
                request,
                _("%(name)s: the role is now %(role)s.")
                % {"name": member.user.username, "role": role_word(member.role)},
            )
        except AppError as refusal:
            messages.error(request, refusal.message)
    else:
        messages.error(request, _("There is no such role."))
    return redirect("members", project.pk)


@project_page(Right.MANAGE)
@require_POST
def member_remove(request: HttpRequest, project: Project, member_id: int) -> HttpResponse:
    """Remove a member; what the person made stays."""
    member = get_object_or_404(Membership.objects.select_related("user"), pk=member_id, project=project)
    try:
        remove_member(member)
        messages.success(request, _("%(name)s is removed; the masks they made stay.") % {"name": member.user.username})
    except AppError as refusal:
        messages.error(request, refusal.message)
    is_still_in = role_of(person(request), project.pk) is not None
    return redirect("members", project.pk) if is_still_in else redirect("projects")


@project_page(Right.MANAGE)
@never_cache
@require_POST
def make_project_link(request: HttpRequest, project: Project) -> HttpResponse:
    """Make a link into the project and show it, this once."""
    form = LinkForm(request.POST)
    if not form.is_valid():
        return _render(request, project, MemberForm(), link_form=form)
    try:
        row, secret = links.make_link(project, person(request), **form.cleaned_data)
    except AppError as refusal:
        form.add_error(None, refusal.message)
        return _render(request, project, MemberForm(), link_form=form)
    return _render(request, project, MemberForm(), link=address_of(request, secret), link_row=row)


@project_page(Right.MANAGE)
@require_POST
def end_project_link(request: HttpRequest, project: Project, project_link_id: int) -> HttpResponse:
    """End a link into the project."""
    links.end_link(project, project_link_id)
    messages.success(request, _("The invitation is withdrawn; its link does nothing any more."))
    return redirect("members", project.pk)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join_project(request: HttpRequest) -> HttpResponse:
    """Ask whoever came by a link whether to join; POST joins."""
    secret = request.POST.get("link", "") or request.GET.get("link", "")
    try:
        link = links.find_link(secret)
        if request.method == "POST":
            links.join_project(link, person(request))
            messages.success(request, _("You are now a member of “%(name)s”.") % {"name": link.project.name})
    except MissingError as error:
        return render(request, "pages/project_join.html", {"message": error.message}, status=error.status)
    except AppError as refusal:
        messages.error(request, refusal.message)
    if request.method == "POST":
        return redirect("project", link.project_id)
    return render(request, "pages/project_join.html", {"link": link, "secret": secret, "nav": "projects"})


def _render(request: HttpRequest, project: Project, form: MemberForm, **more: object) -> HttpResponse:
    context = {
        **project_context(request, project, section="members"),
        "members": list_members(project),
        "form": form,
        "link_form": LinkForm(),
        "roles": list(ROLE_WORDS.items()),
        "is_local": settings.LOCAL_SIGN_IN,
        **more,
    }
    if context["can_manage"]:
        context["links"] = links.living_links(project)
    return render(request, "pages/members.html", context)
