"""Labels of a project."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from annotator.engine.mask_counts import masks_by_label
from annotator.errors import AppError
from annotator.pages.access import project_context, project_page
from annotator.pages.forms import KEY_CHOICES, QUESTIONS_EXAMPLE, LabelForm
from annotator.pages.questions import write_questions
from annotator.projects.access import Right, require_right
from annotator.projects.models import Label, Project
from annotator.projects.palette import next_color
from annotator.projects.services import create_label, delete_label, update_label


@project_page()
@require_http_methods(["GET", "HEAD", "POST"])
def label_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the labels; POST adds one."""
    if request.method == "POST":
        require_right(request.user, project.pk, right=Right.MANAGE)  # type: ignore[arg-type]
        return _add(request, project)
    return _render(request, project, LabelForm(initial=_suggestion(project)))


def _add(request: HttpRequest, project: Project) -> HttpResponse:
    form = LabelForm(request.POST)
    if form.is_valid():
        try:
            label = create_label(project, fields=form.label_fields())
        except AppError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, f"Label “{label.name}” is added.")
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
        update_label(label, changes=form.label_fields())
        messages.success(request, f"Label “{label.name}” is saved.")
    except AppError as refusal:
        messages.error(request, refusal.message)
    return redirect("labels", project.pk)


@project_page(Right.MANAGE)
@require_POST
def label_delete(request: HttpRequest, project: Project, label_id: int) -> HttpResponse:
    """Delete a label; its masks stay."""
    label = get_object_or_404(Label, pk=label_id, project=project)
    masks = masks_by_label(project).get(label.pk, 0)
    delete_label(label)
    kept = f" Its {masks} mask{'s' if masks != 1 else ''} stay, without a label." if masks else ""
    messages.success(request, f"Label “{label.name}” is deleted.{kept}")
    return redirect("labels", project.pk)


def _suggestion(project: Project) -> dict[str, str]:
    labels = list(project.labels.all())
    used_keys = {label.key for label in labels}
    free_key = next((str(n) for n in range(1, 10) if str(n) not in used_keys), "")
    return {"color": next_color([label.color for label in labels]), "key": free_key}


def _render(request: HttpRequest, project: Project, form: LabelForm) -> HttpResponse:
    masks = masks_by_label(project)
    rows = [
        {"label": label, "masks": masks.get(label.pk, 0), "questions": write_questions(label.attributes)}
        for label in project.labels.all()
    ]
    context = {**project_context(request, project, section="labels"), "rows": rows, "form": form}
    return render(request, "pages/labels.html", {**context, "keys": KEY_CHOICES, "example": QUESTIONS_EXAMPLE})
