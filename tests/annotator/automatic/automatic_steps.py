"""What tests of the model's own work share: a project that takes whatever it finds, and one run of it."""

import uuid
from typing import Any

from django.test import Client

from annotator.annotations.models import Annotation, State
from annotator.automatic import mask_runs
from annotator.automatic.models import MaskRun, RunKind
from annotator.images.models import Image
from annotator.projects.models import Project, Stage

# Random weights score badly: take what they give.
EVERYTHING = {
    "predicted_iou": 0.0, "stability_score": 0.0, "min_area_px": 0, "nms_iou": 0.98, "points_per_side": 3,
    "prefill_points_per_side": 3,
}  # fmt: skip


def take_everything(project: Project, **settings: object) -> Project:
    """Make a project semi-automatic, with thresholds that let every mask pass."""
    project.settings = {"automatic": {**EVERYTHING, **settings}}
    project.stage = Stage.SEMI_AUTOMATIC
    project.save()
    return project


def of(image: Image) -> Image:
    """Read the image anew, with what a run needs."""
    return Image.objects.select_related("project__model_version").get(pk=image.pk)


def run(image: Image, kind: RunKind = RunKind.PREFILL) -> MaskRun:
    """Let the model look at one image."""
    return mask_runs.run_image(of(image), kind=kind)


def suggestions(image: Image) -> list[Annotation]:
    """Return the suggestions that nobody has decided about."""
    return list(Annotation.objects.filter(image=image, state=State.SUGGESTION, deleted_at=None))


def decide(client: Client, image: Image, state: str, *, ids: list[Any] | None = None, **extra: Any) -> Any:
    """Accept or reject suggestions over HTTP."""
    body = {"op_id": str(uuid.uuid4()), "state": state, **extra}
    if ids is not None:
        body["annotation_ids"] = [str(pk) for pk in ids]
    return client.post(f"/api/v1/images/{image.pk}/suggestions", body, content_type="application/json")
