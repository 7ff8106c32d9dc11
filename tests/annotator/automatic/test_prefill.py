"""Suggestions of the model: made once, kept when people decided, honest about an image that failed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision, Source, State
from annotator.automatic import mask_jobs, mask_runs
from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.automatic.prefill_requests import start_prefill
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.jobs import services as jobs
from annotator.photos import store
from annotator.projects.models import Project, Stage
from annotator.queue import next_image
from tests.annotator.automatic.automatic_steps import decide, of, run, suggestions, take_everything

ClientOf = Callable[[User], Client]


@pytest.fixture
def project(project: Project, model: ModelVersion) -> Project:
    return take_everything(project)


def test_suggestions_are_masks_of_the_model_that_nobody_accepted(project: Project, add_photo: Any) -> None:
    image = add_photo()
    made = run(image)
    assert made.model_version
    rows = suggestions(image)
    assert (made.status, made.mask_count) == (RunStatus.DONE, len(rows))
    assert rows
    for row in rows:
        measured = sam_gateway.measure_mask(row.counts, size=(image.height, image.width))
        assert (row.area, (row.bbox_x, row.bbox_y, row.bbox_w, row.bbox_h)) == (measured.area, measured.bbox_xywh)
        assert (row.source, row.author, row.stage) == (Source.SUGGESTION, None, Stage.SEMI_AUTOMATIC)
        assert row.provenance["model_version"] == made.model_version.version
        assert row.provenance["prompts"][0]["label"] == 1
        assert AnnotationRevision.objects.get(annotation=row).revision == 1
    areas = [row.area for row in sorted(rows, key=lambda row: row.z_order)]
    assert areas == sorted(areas, reverse=True)  # small ones lie on top


def test_the_same_run_again_doubles_nothing(project: Project, add_photo: Any) -> None:
    image = add_photo()
    first, before = run(image), len(suggestions(image))
    assert run(image).pk == first.pk
    assert len(suggestions(image)) == before


def test_a_stored_embedding_is_used_and_not_made_again(
    project: Project, add_photo: Any, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_photo()
    row = ImageEmbedding.objects.create(sha256=image.sha256, model_version=model)
    assert compute_embedding(row.pk) == EmbeddingStatus.READY

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("encoded twice")

    monkeypatch.setattr(sam_gateway, "encode_image", refuse)
    assert run(image).status == RunStatus.DONE
    assert suggestions(image)


def test_thresholds_of_the_project_hold(project: Project, add_photo: Any) -> None:
    image = add_photo()
    run(image)
    scores = sorted(row.predicted_iou for row in suggestions(image) if row.predicted_iou)
    middle = max(scores[len(scores) // 2], 0.01)
    take_everything(project, predicted_iou=middle)
    run(image)
    kept = suggestions(image)
    assert kept
    assert all((row.predicted_iou or 0) >= middle for row in kept)
    assert len(kept) < len(scores)


def test_a_new_run_replaces_what_nobody_touched_and_keeps_decisions(
    project: Project, add_photo: Any, annotator: User, client_of: ClientOf
) -> None:
    image = add_photo()
    run(image)
    accepted, rejected, *_ = suggestions(image)
    decide(client_of(annotator), image, "accepted", ids=[accepted.pk])
    decide(client_of(annotator), image, "rejected", ids=[rejected.pk])
    take_everything(project, min_area_px=1)
    run(image)
    states = dict(Annotation.objects.filter(image=image, deleted_at=None).values_list("pk", "state"))
    assert states[accepted.pk] == State.ACCEPTED
    assert states[rejected.pk] == State.REJECTED
    decided = {accepted.counts, rejected.counts}
    assert not decided & {row.counts for row in suggestions(image)}  # neither is suggested a second time
    assert MaskRun.objects.filter(image=image).exclude(status=RunStatus.REPLACED).count() == 1


def test_an_automatic_run_replaces_open_suggestions_and_keeps_the_decided(
    project: Project, add_photo: Any, annotator: User, client_of: ClientOf
) -> None:
    image = add_photo()
    run(image)
    accepted, *_ = suggestions(image)
    decide(client_of(annotator), image, "accepted", ids=[accepted.pk])
    made = run(image, RunKind.AUTOMATIC)
    assert suggestions(image) == []
    kept = Annotation.objects.filter(image=image, deleted_at=None)
    assert kept.filter(source=Source.AUTOMATIC).count() == made.mask_count > 0
    assert kept.get(source=Source.SUGGESTION).pk == accepted.pk


def test_a_run_that_fails_takes_nothing_back(project: Project, add_photo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = add_photo()
    run(image, RunKind.AUTOMATIC)
    before = Annotation.objects.filter(image=image, deleted_at=None).count()
    take_everything(project, min_area_px=1)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(sam_gateway, "find_masks", fail)
    assert run(image, RunKind.AUTOMATIC).status == RunStatus.FAILED
    assert Annotation.objects.filter(image=image, deleted_at=None).count() == before > 0


def test_an_image_without_an_embedding_is_shown_and_can_be_tried_again(
    project: Project, add_photo: Any, annotator: User, model: ModelVersion, client_of: ClientOf
) -> None:
    image = add_photo()
    with store.open_part(image.sha256, store.ORIGINAL) as file:
        original = file.read()
    store.delete_made(image.sha256)
    store.remove_for_good(store.set_aside([store.name_of(image.sha256, store.ORIGINAL)]))
    failed = run(image)
    assert failed.status == RunStatus.FAILED
    assert "embedding" in failed.error
    answer = client_of(annotator).get(f"/api/v1/images/{image.pk}/mask-runs").json()
    assert [(row["kind"], row["status"]) for row in answer] == [("prefill", "failed")]
    assert next_image.take_next_image(of(image).project, annotator) is not None  # manual tools still work
    store.save(image.sha256, store.ORIGINAL, original)
    row = ImageEmbedding.objects.get(sha256=image.sha256)
    ImageEmbedding.objects.filter(pk=row.pk).update(status=EmbeddingStatus.PENDING, attempts=0)
    compute_embedding(row.pk)
    assert not MaskRun.objects.filter(image=image).exists()
    assert run(image).status == RunStatus.DONE


def test_an_image_whose_masks_were_kept_as_the_worker_died_is_counted_once(project: Project, add_photo: Any) -> None:
    first, _ = add_photo(), add_photo()
    job = start_prefill(project, None)
    kept = mask_runs.run_image(first, kind=RunKind.PREFILL, job=job)  # and no word of it in the job
    assert kept.mask_count > 0
    jobs.do_job(job.pk, mask_jobs.prefill_project)
    job.refresh_from_db()
    assert (job.status, job.done, job.total, job.report["images"]) == ("done", 2, 2, 2)
    kept_masks = sum(MaskRun.objects.values_list("mask_count", flat=True))
    assert job.report["masks"] == kept_masks == Annotation.objects.count()
    assert MaskRun.objects.get(image=first) == kept
