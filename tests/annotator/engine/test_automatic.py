"""The model's own work: suggestions before an image is handed out, automatic runs, the sample people correct."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision, Source, State
from annotator.engine import corrections, jobs, mask_jobs, mask_runs, prefill_requests, queue, review
from annotator.engine.models import Job, JobStatus, MaskRun, RunKind, RunStatus
from annotator.errors import ConflictError, InvalidError
from annotator.images.models import Image
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.photos import store
from annotator.projects.models import Project, Stage

ClientOf = Callable[[User], Client]
# Random weights score badly: take what they give.
EVERYTHING = {
    "predicted_iou": 0.0, "stability_score": 0.0, "min_area_px": 0, "nms_iou": 0.98, "points_per_side": 3,
    "prefill_points_per_side": 3,
}  # fmt: skip


@pytest.fixture
def project(project: Project, model: ModelVersion) -> Project:
    project.settings = {"automatic": EVERYTHING}
    project.stage = Stage.SEMI_AUTOMATIC
    project.save()
    return project


def of(image: Image) -> Image:
    return Image.objects.select_related("project__model_version").get(pk=image.pk)


def run(image: Image, kind: RunKind = RunKind.PREFILL) -> MaskRun:
    return mask_runs.run_image(of(image), kind=kind)


def suggestions(image: Image) -> list[Annotation]:
    return list(Annotation.objects.filter(image=image, state=State.SUGGESTION, deleted_at=None))


def test_suggestions_are_masks_of_the_model_that_nobody_accepted(project: Project, add_photo: Any) -> None:
    image = add_photo()
    made = run(image)
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
    project.settings = {"automatic": {**EVERYTHING, "predicted_iou": middle}}
    project.save()
    run(image)
    kept = suggestions(image)
    assert kept
    assert all(row.predicted_iou >= middle for row in kept)
    assert len(kept) < len(scores)


def test_a_new_run_replaces_what_nobody_touched_and_keeps_decisions(
    project: Project, add_photo: Any, annotator: User, client_of: ClientOf
) -> None:
    image = add_photo()
    run(image)
    accepted, rejected, *_ = suggestions(image)
    decide(client_of(annotator), image, "accepted", ids=[accepted.pk])
    decide(client_of(annotator), image, "rejected", ids=[rejected.pk])
    project.settings = {"automatic": {**EVERYTHING, "min_area_px": 1}}
    project.save()
    run(image)
    states = dict(Annotation.objects.filter(image=image, deleted_at=None).values_list("pk", "state"))
    assert states[accepted.pk] == State.ACCEPTED
    assert states[rejected.pk] == State.REJECTED
    decided = {accepted.counts, rejected.counts}
    assert not decided & {row.counts for row in suggestions(image)}  # neither is suggested a second time
    assert MaskRun.objects.filter(image=image).exclude(status=RunStatus.REPLACED).count() == 1


def test_an_image_without_an_embedding_is_shown_and_can_be_tried_again(
    project: Project, add_photo: Any, annotator: User, model: ModelVersion, client_of: ClientOf
) -> None:
    image = add_photo()
    with store.open_part(image.sha256, store.ORIGINAL) as file:
        original = file.read()
    store.delete_all(image.sha256)
    failed = run(image)
    assert failed.status == RunStatus.FAILED
    assert "embedding" in failed.error
    answer = client_of(annotator).get(f"/api/v1/images/{image.pk}/mask-runs").json()
    assert [(row["kind"], row["status"]) for row in answer] == [("prefill", "failed")]
    assert queue.take_next_image(of(image).project, annotator) is not None  # manual tools still work
    store.save(image.sha256, store.ORIGINAL, original)
    row = ImageEmbedding.objects.get(sha256=image.sha256)
    ImageEmbedding.objects.filter(pk=row.pk).update(status=EmbeddingStatus.PENDING, attempts=0)
    compute_embedding(row.pk)
    assert not MaskRun.objects.filter(image=image).exists()
    assert run(image).status == RunStatus.DONE


def decide(client: Client, image: Image, state: str, *, ids: list[Any] | None = None, **extra: Any) -> Any:
    body = {"op_id": str(uuid.uuid4()), "state": state, **extra}
    if ids is not None:
        body["annotation_ids"] = [str(pk) for pk in ids]
    return client.post(f"/api/v1/images/{image.pk}/suggestions", body, content_type="application/json")


class TestDecisions:
    @pytest.fixture
    def image(self, project: Project, add_image: Any, add_mask: Any) -> Image:
        image = add_image()
        scores = [(0.95, 0.99), (0.95, 0.90), (0.80, 0.99), (0.70, 0.70)]
        for place, (iou, stability) in enumerate(scores):
            add_mask(
                image, (place * 10, 1, 5, 5), state=State.SUGGESTION, source=Source.SUGGESTION, predicted_iou=iou,
                stability_score=stability,
            )  # fmt: skip
        return image

    def test_by_a_pair_of_thresholds(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        answer = decide(
            client_of(annotator), image, "accepted", min_predicted_iou=0.88, min_stability_score=0.95
        )  # fmt: skip
        assert answer.json()["decided"] == 1
        row = Annotation.objects.get(image=image, state=State.ACCEPTED)
        assert (row.predicted_iou, row.author, row.source) == (0.95, annotator, Source.SUGGESTION)
        assert row.decided_at

    def test_all_at_once_and_the_rejected_are_kept(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        assert decide(client_of(annotator), image, "rejected").json()["decided"] == 4
        assert Annotation.objects.filter(image=image, state=State.REJECTED, deleted_at=None).count() == 4
        listed = client_of(annotator).get(f"/api/v1/images/{image.pk}/annotations").json()["annotations"]
        assert listed == []

    def test_one_with_a_label(self, image: Image, label: Any, annotator: User, client_of: ClientOf) -> None:
        chosen = suggestions(image)[1]
        answer = decide(client_of(annotator), image, "accepted", ids=[chosen.pk], label_id=label.pk)
        assert answer.json()["decided"] == 1
        chosen.refresh_from_db()
        assert (chosen.state, chosen.label_id) == (State.ACCEPTED, label.pk)

    def test_sending_it_again_decides_nothing_new(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        op_id = str(uuid.uuid4())
        client = client_of(annotator)
        for expected in (1, 0):
            body = {"op_id": op_id, "state": "accepted", "min_predicted_iou": 0.9, "min_stability_score": 0.95}
            answer = client.post(f"/api/v1/images/{image.pk}/suggestions", body, content_type="application/json")
            assert answer.json()["decided"] == expected
        assert AnnotationRevision.objects.filter(annotation__image=image, action="update").count() == 1

    def test_editing_one_accepts_it_and_keeps_where_it_came_from(
        self, image: Image, annotator: User, client_of: ClientOf, counts_of: Any
    ) -> None:
        chosen = suggestions(image)[0]
        operation = {
            "op_id": str(uuid.uuid4()),
            "type": "update",
            "annotation_id": str(chosen.pk),
            "base_revision": 1,
            "fields": {"counts": counts_of(image, 3, 3, 9, 9)},
        }
        client_of(annotator).post(
            f"/api/v1/images/{image.pk}/operations", {"operations": [operation]}, content_type="application/json"
        )
        chosen.refresh_from_db()
        assert (chosen.state, chosen.source, chosen.author) == (State.ACCEPTED, Source.SUGGESTION, annotator)

    @pytest.mark.parametrize(
        "body", [{}, {"op_id": "x", "state": "accepted"}, {"op_id": str(uuid.uuid4()), "state": "suggestion"}]
    )
    def test_bad_bodies(self, image: Image, annotator: User, client_of: ClientOf, body: dict[str, str]) -> None:
        url = f"/api/v1/images/{image.pk}/suggestions"
        assert client_of(annotator).post(url, body, content_type="application/json").status_code == 422

    def test_a_label_of_another_project(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        answer = decide(client_of(annotator), image, "accepted", label_id=99999)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_such_label")

    def test_who_may_not(self, image: Image, outsider: User, annotator: User, client_of: ClientOf) -> None:
        assert decide(client_of(outsider), image, "accepted").status_code == 404
        assert decide(Client(), image, "accepted").status_code == 401
        assert client_of(annotator).get(f"/api/v1/images/{image.pk}/suggestions").status_code == 405


class TestJobs:
    def start(self, callback: Any, *args: Any, **options: Any) -> Job:
        with callback(execute=True):
            return prefill_requests.start_automatic(*args, **options)

    def test_an_automatic_run_annotates_every_image_once(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        images = [add_photo() for _ in range(3)]
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done, job.total) == (JobStatus.DONE, 3, 3)
        rows = Annotation.objects.filter(source=Source.AUTOMATIC, state=State.ACCEPTED)
        assert job.report["masks"] == rows.count() > 0
        assert set(rows.values_list("image", flat=True)) == {image.pk for image in images}
        assert {of(image).stage for image in images} == {Stage.FULLY_AUTOMATIC}

    def test_chosen_images_only(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        chosen, other = add_photo(), add_photo()
        self.start(django_capture_on_commit_callbacks, project, admin, image_ids=[chosen.pk])
        work_off()
        assert list(MaskRun.objects.values_list("image", flat=True)) == [chosen.pk]
        assert other.pk != chosen.pk

    def test_paused_in_the_middle_and_resumed_nothing_is_doubled(
        self,
        project: Project,
        admin: User,
        add_photo: Any,
        work_off: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        for _ in range(3):
            add_photo()
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        real, calls = mask_runs.sam_gateway.find_masks, []

        def pausing(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                jobs.pause_job(Job.objects.get(pk=job.pk))
            return real(*args, **kwargs)

        monkeypatch.setattr(mask_runs.sam_gateway, "find_masks", pausing)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done) == (JobStatus.PAUSED, 1)
        assert MaskRun.objects.count() == 1  # the image that was being looked at is not half written
        with django_capture_on_commit_callbacks(execute=True):
            jobs.resume_job(job)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done, MaskRun.objects.count()) == (JobStatus.DONE, 3, 3)
        assert Annotation.objects.count() == job.report["masks"]

    def test_two_admins_cannot_start_it_twice(self, project: Project, admin: User, add_photo: Any) -> None:
        add_photo()
        prefill_requests.start_automatic(project, admin, image_ids=None)
        with pytest.raises(ConflictError) as refused:
            prefill_requests.start_automatic(project, admin, image_ids=None)
        assert refused.value.code == "job_running"

    def test_one_broken_image_does_not_stop_the_others(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        broken, whole = add_photo(), add_photo()
        store.delete_all(broken.sha256)
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.report["failed"]) == (JobStatus.DONE, 1)
        assert job.report["failures"][0]["image_id"] == broken.pk
        assert MaskRun.objects.get(image=whole).status == RunStatus.DONE

    def test_nothing_to_annotate(self, project: Project, admin: User) -> None:
        with pytest.raises(InvalidError):
            prefill_requests.start_automatic(project, admin, image_ids=[12345])

    def test_asking_for_the_next_image_starts_pre_filling_once(
        self, project: Project, annotator: User, add_photo: Any, work_off: Any, client_of: ClientOf
    ) -> None:
        image = add_photo()
        client = client_of(annotator)
        for _ in range(2):
            body = client.post(f"/api/v1/projects/{project.pk}/next").json()
            assert (body["image_id"], body["unprepared"]) == (None, 1)
        assert Job.objects.filter(kind="prefill").count() == 1
        assert DBTaskResult.objects.count() <= 1
        jobs.do_job(Job.objects.get().pk, mask_jobs.prefill_project)
        assert client.post(f"/api/v1/projects/{project.pk}/next").json()["image_id"] == image.pk
        assert suggestions(image)


class TestEndpoints:
    @pytest.mark.parametrize("what", ["prefill", "automatic"])
    def test_starting(
        self, what: str, project: Project, admin: User, annotator: User, outsider: User, add_photo: Any, client_of: Any
    ) -> None:
        add_photo()
        url = f"/api/v1/projects/{project.pk}/{what}"
        for client, status in ((Client(), 401), (client_of(outsider), 404), (client_of(annotator), 403)):
            assert client.post(url, {}, content_type="application/json").status_code == status
        client = client_of(admin)
        assert client.get(url).status_code == 405
        answer = client.post(url, {}, content_type="application/json")
        assert (answer.status_code, answer.json()["status"], answer.json()["total"]) == (201, "pending", 1)
        again = client.post(url, {}, content_type="application/json")
        assert (again.status_code, again.json()["code"]) == (409, "job_running")
        assert client.post(f"/api/v1/projects/98765/{what}", {}, content_type="application/json").status_code == 404

    def test_steering_a_job(
        self, project: Project, admin: User, annotator: User, outsider: User, add_photo: Any, client_of: ClientOf
    ) -> None:
        add_photo()
        job = prefill_requests.start_automatic(project, admin, image_ids=None)
        client = client_of(admin)
        for action, status in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelled")):
            url = f"/api/v1/jobs/{job.pk}/{action}"
            assert client_of(annotator).post(url).status_code == 403
            assert client_of(outsider).post(url).status_code == 404
            assert Client().post(url).status_code == 401
            assert client.get(url).status_code == 405
            assert client.post(url).json()["status"] == status
        assert client.post(f"/api/v1/jobs/{job.pk}/resume").status_code == 409
        assert client.post("/api/v1/jobs/98765/pause").status_code == 404
        assert client_of(annotator).get(f"/api/v1/jobs/{job.pk}").json()["status"] == "cancelled"
        assert client_of(annotator).get(f"/api/v1/projects/{project.pk}/jobs?kind=automatic").json()[0]["id"] == job.pk

    def test_settings(self, project: Project, admin: User, annotator: User, client_of: ClientOf) -> None:
        url = f"/api/v1/projects/{project.pk}/engine-settings"
        assert client_of(annotator).get(url).json()["queue"]["order"] == "oldest"
        body = {"queue": {"order": "random"}, "automatic": {"predicted_iou": 0.9}}
        assert client_of(annotator).patch(url, body, content_type="application/json").status_code == 403
        answer = client_of(admin).patch(url, body, content_type="application/json").json()
        assert (answer["queue"]["order"], answer["automatic"]["predicted_iou"]) == ("random", 0.9)
        assert answer["automatic"]["points_per_side"] == 3  # what was not named stays

    @pytest.mark.parametrize(
        "body",
        [
            {"queue": {"order": "best"}},
            {"queue": {"colour": "red"}},
            {"review": {"share": 1.5}},
            {"automatic": {"predicted_iou": "high"}},
            {"automatic": {"points_per_side": 10_000}},
            {"automatic": {"crop_layers": True}},
        ],
    )
    def test_settings_that_mean_nothing(
        self, project: Project, admin: User, client_of: ClientOf, body: dict[str, Any]
    ) -> None:
        url = f"/api/v1/projects/{project.pk}/engine-settings"
        answer = client_of(admin).patch(url, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_setting")


class TestCorrections:
    @pytest.fixture
    def automatic(self, project: Project, add_image: Any, add_mask: Any) -> Image:
        image = add_image()
        made = MaskRun.objects.create(image=image, kind=RunKind.AUTOMATIC, digest="d", status=RunStatus.DONE)
        for place in range(4):
            box = (place * 12, 2, 10, 10)
            row = add_mask(image, box, source=Source.AUTOMATIC, stage=Stage.FULLY_AUTOMATIC)
            AnnotationRevision.objects.create(
                annotation=row, revision=1, op_id=uuid.uuid4(), action="create", snapshot={"counts": row.counts}
            )
        Project.objects.filter(pk=project.pk).update(stage=Stage.FULLY_AUTOMATIC)
        assert made.pk
        return image

    def test_only_sampled_images_reach_people_and_their_changes_are_measured(
        self, project: Project, automatic: Image, annotator: User, add_image: Any, add_mask: Any, counts_of: Any
    ) -> None:
        project.refresh_from_db()
        add_image()
        assert queue.take_next_image(project, annotator) is None
        corrections.draw_sample(project, size=5)
        lease = queue.take_next_image(project, annotator)
        assert lease is not None
        assert lease.image_id == automatic.pk
        same, slightly, much, gone = Annotation.objects.filter(image=automatic).order_by("bbox_x")
        assert same.counts
        # 10 x 10 against 9 x 10: IoU 0.9, which is not above 90 %; against 8 x 10: 0.8, then one removed, one added.
        Annotation.objects.filter(pk=slightly.pk).update(counts=counts_of(automatic, 12, 2, 9, 10))
        Annotation.objects.filter(pk=much.pk).update(counts=counts_of(automatic, 24, 2, 8, 10))
        Annotation.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
        add_mask(automatic, (50, 20, 3, 3))
        review.submit_image(of(automatic), annotator)
        figures = corrections.correction_figures(project)
        assert (figures["pairs"], figures["removed"], figures["added"]) == (3, 1, 1)
        assert (figures["over_90"], figures["over_75"]) == (1, 3)
        assert figures["share_over_75"] == pytest.approx(1.0)
        assert figures["share_over_75_with_removed"] == pytest.approx(3 / 4)
        assert (figures["paper_share_over_90"], figures["paper_share_over_75"]) == (0.94, 0.97)
        assert figures["images_measured"] == figures["images_sampled"] == 1

    def test_the_endpoint(
        self, project: Project, automatic: Image, admin: User, annotator: User, outsider: User, client_of: ClientOf
    ) -> None:
        url = f"/api/v1/projects/{project.pk}/corrections"
        body = {"size": 3}
        for client, status in ((Client(), 401), (client_of(outsider), 404), (client_of(annotator), 403)):
            assert client.post(url, body, content_type="application/json").status_code == status
            assert client.get(url).status_code == status
        client = client_of(admin)
        assert client.post(url, {"size": 0}, content_type="application/json").status_code == 422
        answer = client.post(url, body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (201, {"count": 1})
        again = client.post(url, body, content_type="application/json")
        assert (again.status_code, again.json()["code"]) == (422, "nothing_to_sample")
        assert client.get(url).json()["images_sampled"] == 1
        assert client.put(url).status_code == 405
