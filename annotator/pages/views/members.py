"""Members of a project and their roles."""

import secrets

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from annotator.accounts.models import User
from annotator.errors import AppError
from annotator.pages.access import person, project_context, project_page
from annotator.pages.forms import MemberForm, NewPersonForm, RoleForm
from annotator.projects.access import Right, require_right
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
            add_member(project, username=username, role=role)
        except AppError as refusal:
            form.add_error("username", refusal.message)
        else:
            note = f" Their password is {password} : pass it on, it is shown only now." if password else ""
            messages.success(request, f"{username} is now {role} of this project.{note}")
            return redirect("members", project.pk)
    return _render(request, project, form)


def _make_person(request: HttpRequest, username: str) -> str:
    """Make an account for a new name when a server admin asks for it; return its password, else an empty string."""
    wants_account = person(request).is_superuser and "make_account" in request.POST
    if not wants_account or User.objects.filter(username=username).exists():
        return ""
    if not NewPersonForm({"username": username}).is_valid():
        return ""
    password = secrets.token_urlsafe(9)
    User.objects.create_user(username=username, password=password)
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
            messages.success(request, f"{member.user.username} is now {member.role}.")
        except AppError as refusal:
            messages.error(request, refusal.message)
    else:
        messages.error(request, "There is no such role.")
    return redirect("members", project.pk)


@project_page(Right.MANAGE)
@require_POST
def member_remove(request: HttpRequest, project: Project, member_id: int) -> HttpResponse:
    """Remove a member; what the person made stays."""
    member = get_object_or_404(Membership.objects.select_related("user"), pk=member_id, project=project)
    try:
        remove_member(member)
        messages.success(request, f"{member.user.username} is removed; the masks they made stay.")
    except AppError as refusal:
        messages.error(request, refusal.message)
    return redirect("members", project.pk)


def _render(request: HttpRequest, project: Project, form: MemberForm) -> HttpResponse:
    context = {**project_context(request, project, section="members"), "members": list_members(project), "form": form}
    return render(request, "pages/members.html", {**context, "roles": RoleForm.base_fields["role"].choices})  # type: ignore[attr-defined]
