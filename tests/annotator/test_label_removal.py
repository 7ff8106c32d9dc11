"""Deleting a label that masks have: asked, answered, with a history, in bounded steps."""

from typing import Any

import pytest
from django.core.management import call_command

from annotator.accounts.models import User
from annotator.annotations import label_removal, label_removal_job
from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.annotations.relabelling import relabel_masks
from annotator.audit.models import AuditEvent
from annotator.images.models import Image
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project
from tests.annotator.conftest import Api
from tests.annotator.test_api_annotations import applied, change, create

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def label(project: Project) -> Label:
    return Label.objects.get(project=project)


@pytest.fixture
def masks(as_admin: Api, image: Image, label: Label) -> list[str]:
    """Three masks of the label, the last one deleted."""
    rows = [applied(as_admin, image, create(label_id=label.pk)) for _ in range(3)]
    applied(as_admin, image, change("delete", rows[2]))
    return [row["id"] for row in rows]


def test_a_label_with_masks_is_not_deleted_without_a_word_about_them(as_admin: Api, masks: Any, label: Label) -> None:
    answer = as_admin.delete(f"/labels/{label.pk}")
    assert (answer.status_code, answer.json()["code"], answer.json()["extra"]) == (409, "label_in_use", {"masks": 2})
    assert as_admin.delete(f"/labels/{label.pk}?masks=nonsense").status_code == 422
    assert Annotation.objects.filter(label=label).count() == 3


def test_masks_are_kept_without_a_label_and_their_history_says_so(
    as_admin: Api, masks: list[str], label: Label, admin: User
) -> None:
    assert as_admin.delete(f"/labels/{label.pk}?masks=keep").status_code == 204
    rows = {str(row.pk): row for row in Annotation.objects.all()}
    assert [rows[pk].revision for pk in masks] == [2, 2, 2]
    assert {row.label_id for row in rows.values()} == {None}
    entry = AnnotationRevision.objects.get(annotation_id=masks[0], revision=2)
    assert (entry.action, entry.author, entry.snapshot["label_id"]) == ("update", admin, None)
    assert AnnotationRevision.objects.get(annotation_id=masks[0], revision=1).snapshot["label_id"] == label.pk
    assert AnnotationRevision.objects.filter(annotation_id=masks[2]).count() == 2
    assert AuditEvent.objects.filter(verb="label.deleted")[0].changes["masks"] == [None, 2]


def test_masks_are_moved_to_another_label(as_admin: Api, masks: Any, label: Label, project: Project) -> None:
    other = Label.objects.create(project=project, name="Bus", color="#000000")
    assert as_admin.delete(f"/labels/{label.pk}?masks=move&to={other.pk}").status_code == 204
    assert Annotation.objects.filter(label=other).count() == 3
    assert AuditEvent.objects.filter(verb="label.deleted")[0].changes["masks_moved_to"] == [None, "Bus"]


def test_a_label_elsewhere_or_itself_is_no_place_for_masks(
    as_admin: Api, masks: Any, label: Label, admin: User
) -> None:
    elsewhere = Label.objects.create(project=Project.objects.create(name="x"), name="Bus", color="#000000")
    for to in (f"&to={elsewhere.pk}", f"&to={label.pk}", "&to=999999", ""):
        answer = as_admin.delete(f"/labels/{label.pk}?masks=move{to}")
        assert (answer.status_code, answer.json()["code"]) == (422, "no_such_label")
    assert Label.objects.filter(pk=label.pk).exists()


def test_many_masks_are_moved_by_a_job_in_bounded_steps(
    as_admin: Api, masks: Any, label: Label, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_removal, "IN_ONE_REQUEST", 1)
    sizes: list[int] = []

    def relabel_one(*args: Any, **options: Any) -> int:
        sizes.append(relabel_masks(*args, **options, at_most=1))
        return sizes[-1]

    monkeypatch.setattr(label_removal_job, "relabel_masks", relabel_one)
    other = Label.objects.create(project=project, name="Bus", color="#000000")
    answer = as_admin.delete(f"/labels/{label.pk}?masks=move&to={other.pk}")
    assert (answer.status_code, answer.json()["kind"]) == (202, "label_removal")
    again = as_admin.delete(f"/labels/{label.pk}?masks=keep")
    assert (again.status_code, again.json()["code"]) == (409, "job_running")
    page = as_admin.client.get(f"/projects/{project.pk}/labels/").content.decode()
    assert "being deleted" in page
    record = jobs.record_progress
    written: list[tuple[int, int]] = []

    def note(job: Job, *, done: int) -> bool:
        written.append((job.done, done))
        return record(job, done=done)

    monkeypatch.setattr(jobs, "record_progress", note)
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)
    job = Job.objects.get(kind="label_removal")
    assert (job.status, job.done, job.total) == ("done", 2, 2)
    assert sizes == [1, 1, 1]
    assert written == [(0, 1), (1, 2), (2, 2)]  # of two masks; the third one was deleted, and moves as well
    assert not Label.objects.filter(pk=label.pk).exists()
    assert Annotation.objects.filter(label=other).count() == 3
    assert AuditEvent.objects.filter(verb="label.deleted")[0].actor_name == "ada"


def test_the_page_asks_and_does_as_told(as_admin: Api, masks: Any, label: Label, project: Project) -> None:
    other = Label.objects.create(project=project, name="Bus", color="#000000")
    here = f"/projects/{project.pk}/labels/{label.pk}/delete/"
    asked = as_admin.client.post(here)
    assert (asked.status_code, Label.objects.filter(pk=label.pk).exists()) == (200, True)
    assert "2 masks have this label" in asked.content.decode()
    done = as_admin.client.post(here, {"masks": "move", "to": str(other.pk)}, follow=True)
    assert "Its 2 masks have the other label now." in done.content.decode()
    assert Annotation.objects.filter(label=other).count() == 3


def test_a_label_without_masks_goes_at_once(as_admin: Api, label: Label, project: Project) -> None:
    answer = as_admin.client.post(f"/projects/{project.pk}/labels/{label.pk}/delete/", follow=True)
    assert "is deleted." in answer.content.decode()
    assert not project.labels.exists()


def test_who_may_not(as_annotator: Api, as_outsider: Api, signed_out: Api, masks: Any, label: Label) -> None:
    here = f"/labels/{label.pk}?masks=keep"
    assert as_annotator.delete(here).status_code == 403
    assert as_outsider.delete(here).status_code == 404
    assert signed_out.delete(here).status_code == 401
