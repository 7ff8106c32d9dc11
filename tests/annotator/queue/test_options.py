"""Settings of queue, review and automatic work: defaults, what a project says, what nobody can use."""

from typing import Any

import pytest

from annotator.automatic.options import MODEL_DEFAULTS, AutomaticOptions, automatic_options
from annotator.errors import InvalidError
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project
from annotator.projects.options import Options, check_options
from annotator.queue.options import Order, QueueOptions, ReviewOptions, queue_options, review_options


def test_the_paper_sets_the_defaults() -> None:
    options = AutomaticOptions()
    assert (options.predicted_iou, options.stability_score, options.points_per_side) == (0.88, 0.95, 32)
    assert (options.min_area_px, options.max_area_ratio, options.nms_iou) == (100, 0.95, 0.7)


def test_a_small_model_starts_lower_and_the_project_has_the_last_word(project: Project) -> None:
    assert automatic_options(project).predicted_iou == 0.88
    project.model_version = ModelVersion.objects.create(
        name="sam_lite", version="lite-9", image_size=512, embed_dim=128, weights_sha256="0"
    )
    assert automatic_options(project).predicted_iou == MODEL_DEFAULTS["sam_lite"]["predicted_iou"] < 0.88
    project.settings = {"automatic": {"predicted_iou": 0.8}}
    assert automatic_options(project).predicted_iou == 0.8
    assert automatic_options(project).stability_score == MODEL_DEFAULTS["sam_lite"]["stability_score"]


@pytest.mark.parametrize("stored", [None, 7, [], {"order": 3}, {"order": "up"}, {"order": "tag", "tag": ["a"]}])
def test_stored_nonsense_is_the_default_or_what_is_left_of_it(project: Project, stored: Any) -> None:
    project.settings = {"queue": stored, "review": stored, "automatic": stored}
    assert queue_options(project).order in set(Order)
    assert review_options(project).share == 1.0
    assert automatic_options(project) == AutomaticOptions()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (QueueOptions, {"order": "up"}),
        (ReviewOptions, {"share": float("nan")}),
        (ReviewOptions, {"share": True}),
        (AutomaticOptions, {"nms_iou": -0.1}),
        (AutomaticOptions, {"points_per_side": 1.5}),
        (AutomaticOptions, {"crop_layers": 3}),
        (AutomaticOptions, {"min_area_px": -1}),
    ],
)
def test_what_means_nothing_is_refused(kind: type[Options], values: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        check_options(kind, values)
