"""The audit log: the whole server for server admins, one project for its admins. The same is in the API."""

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from annotator.audit.models import AuditEvent
from annotator.audit.selectors import EventFilters, list_events, verb_word
from annotator.audit.verbs import Verb
from annotator.pages.access import Context, person, project_context, project_page
from annotator.pages.numbers import read_day, read_number
from annotator.projects.access import Right
from annotator.projects.models import Project

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PAGE_SIZE = 50
SHOWN_CHANGES = 6
SHOWN_TEXT = 80
KIND_WORDS = {
    "label": gettext_lazy("Labels"),
    "member": gettext_lazy("Members"),
    "project": gettext_lazy("Projects"),
    "image": gettext_lazy("Images"),
    "export": gettext_lazy("Exports"),
    "link": gettext_lazy("Links"),
    "import": gettext_lazy("Imports"),
    "token": gettext_lazy("Tokens"),
    "person": gettext_lazy("People"),
    "model": gettext_lazy("Models"),
}
KINDS_OF_PROJECTS = ("label", "member", "project", "image", "export", "link", "import")


@login_required
@require_safe
def server_audit(request: HttpRequest) -> HttpResponse:
    """Show what happened on the whole server."""
    if not person(request).is_superuser:
        raise PermissionDenied(_("Only a server admin may see that."))
    return render(request, "pages/audit.html", {**_context(request, None), "nav": "audit"})


@project_page(Right.MANAGE)
@require_safe
def project_audit(request: HttpRequest, project: Project) -> HttpResponse:
    """Show what happened in one project."""
    context = {**project_context(request, project, section="audit"), **_context(request, project.pk)}
    return render(request, "pages/project_audit.html", context)


def _context(request: HttpRequest, project_id: int | None) -> Context:
    get = request.GET
    filters = EventFilters(
        person=get.get("person", "").strip()[:150],
        what=get.get("what", "")[:40],
        since=read_day(get.get("since", "")),
        until=read_day(get.get("until", "")),
        text=get.get("text", "").strip()[:200],
    )
    before = read_number(get.get("before", ""))
    events, following = list_events(filters, project_id=project_id, before=before, size=PAGE_SIZE)
    query = get.copy()
    query.pop("before", None)
    return {
        "events": [_described(event) for event in events],
        "filters": filters,
        "is_first": before is None,
        "next": following,
        "query": query.urlencode(),
        "groups": _verbs(project_id),
    }


def _verbs(project_id: int | None) -> "list[tuple[str, StrOrPromise, list[tuple[str, StrOrPromise]]]]":
    """Return what can be chosen, by kind of thing."""
    groups: dict[str, list[tuple[str, StrOrPromise]]] = {}
    for verb in Verb:
        if project_id is None or verb.kind in KINDS_OF_PROJECTS:
            groups.setdefault(verb.kind, []).append((verb.value, verb.label))
    return [(kind, KIND_WORDS.get(kind, kind), verbs) for kind, verbs in groups.items()]


def _described(event: AuditEvent) -> Context:
    changes = list(event.changes.items())
    shown = [(name, _short(was), _short(becomes)) for name, (was, becomes) in changes[:SHOWN_CHANGES]]
    return {"row": event, "word": verb_word(event.verb), "changes": shown, "more": len(changes) - len(shown)}


def _short(value: object) -> str:
    if value is None or value == "":
        return "–"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}…"
