"""Labels of a project."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from annotator.annotations.label_removal import remove_label
from annotator.annotations.label_removal_job import labels_being_removed
from annotator.annotations.relabelling import count_masks
from annotator.errors import AppError
from annotator.pages.access import person, project_context, project_page
from annotator.pages.forms import KEY_CHOICES, QUESTIONS_EXAMPLE, LabelForm
from annotator.pages.numbers import read_number
from annotator.pages.questions import write_questions
from annotator.projects.access import Right, require_right
from annotator.projects.models import Label, Project
from annotator.projects.palette import next_color
from annotator.projects.services import create_label, update_label
from annotator.statistics.mask_counts import masks_by_label


@project_page()
@require_http_methods(["GET", "HEAD", "POST"])
def label_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the labels; POST adds one."""
    if request.method == "POST":
        require_right(person(request), project.pk, right=Right.MANAGE)
        return _add(request, project)
    return _render(request, project, LabelForm(initial=_suggestion(project)))


def _add(request: HttpRequest, project: Project) -> HttpResponse:
    form = LabelForm(request.POST)
    if form.is_valid():
        try:
            label = create_label(project, form.command())
        except AppError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Label “%(name)s” is added.") % {"name": label.name})
            return redirect("labels", project.pk)
    return _render(request, project, form)


@project_page(Right.MANAGE)
@require_POST
def label_edit(request: HttpRequest, project: Project, label_id: int) -> HttpResponse:
    """Change name, colour, key and questions."""
    label = get_object_or_404(Label, pk=label_id, project=project)
    form = LabelForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("labels", project.pk)
    try:
        update_label(label, form.changes())
        messages.success(request, _("Label “%(name)s” is saved.") % {"name": label.name})
    except AppError as refusal:
        messages.error(request, refusal.message)
    return redirect("labels", project.pk)


@project_page(Right.MANAGE)
@require_POST
def label_delete(request: HttpRequest, project: Project, label_id: int) -> HttpResponse:
    """Delete a label; where masks have it, ask first what becomes of them."""
    label = get_object_or_404(Label, pk=label_id, project=project)
    masks, count = request.POST.get("masks", ""), count_masks(label)
    if count and not masks:
        return _ask(request, project, label, count=count)
    to = read_number(request.POST.get("to", ""))
    try:
        job = remove_label(label, person(request), masks=masks, to=to)
    except AppError as refusal:
        messages.error(request, refusal.message)
        return redirect("labels", project.pk)
    messages.success(request, _what_became(label, masks=masks, count=count, is_later=job is not None))
    return redirect("labels", project.pk)


def _ask(request: HttpRequest, project: Project, label: Label, *, count: int) -> HttpResponse:
    others = project.labels.exclude(pk__in={label.pk, *labels_being_removed(project)})
    context = {"label": label, "count": count, "others": others}
    return render(
        request, "pages/label_delete.html", {**project_context(request, project, section="labels"), **context}
    )


def _what_became(label: Label, *, masks: str, count: int, is_later: bool) -> str:
    if is_later:
        sentence = _("Label “%(name)s” is deleted in the background, once its %(n)s masks have changed.")
        return sentence % {"name": label.name, "n": f"{count:,}"}
    sentence = _("Label “%(name)s” is deleted.") % {"name": label.name}
    if not count:
        return sentence
    if masks == "move":
        kept = ngettext("Its %(n)s mask has the other label now.", "Its %(n)s masks have the other label now.", count)
    else:
        kept = ngettext("Its %(n)s mask stays, without a label.", "Its %(n)s masks stay, without a label.", count)
    return f"{sentence} {kept % {'n': count}}"


def _suggestion(project: Project) -> dict[str, str]:
    labels = list(project.labels.all())
    used_keys = {label.key for label in labels}
    free_key = next((str(n) for n in range(1, 10) if str(n) not in used_keys), "")
    return {"color": next_color([label.color for label in labels]), "key": free_key}


def _render(request: HttpRequest, project: Project, form: LabelForm) -> HttpResponse:
    masks, leaving = masks_by_label(project), labels_being_removed(project)
    rows = [
        {
            "label": label,
            "masks": masks.get(label.pk, 0),
            "questions": write_questions(label.attributes),
            "is_leaving": label.pk in leaving,
        }
        for label in project.labels.all()
    ]
    context = {**project_context(request, project, section="labels"), "rows": rows, "form": form}
    return render(request, "pages/labels.html", {**context, "keys": KEY_CHOICES, "example": QUESTIONS_EXAMPLE})
