"""Somebody leaves while holding an image; nobody asks for one for a while; pages tell what is so now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.accounts.people import set_active
from annotator.automatic.mask_jobs import images_to_prefill
from annotator.background.reconcile import reconcile_missing
from annotator.images.models import Image, WorkStatus
from annotator.inference.models import ModelVersion
from annotator.jobs.models import Job
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Membership, Project, Stage
from annotator.projects.services import remove_member, update_project
from annotator.queue.leases import open_lease
from annotator.queue.models import Lease, Purpose
from annotator.queue.review import submit_image

pytestmark = pytest.mark.django_db


def work_status(image: Image) -> str:
    return Image.objects.get(pk=image.pk).work_status


def test_the_images_of_a_removed_member_are_to_do_at_once(
    project: Project, annotator: User, add_image: Callable[..., Image], member: Callable[..., User]
) -> None:
    image, other, elsewhere = add_image(), add_image(), add_image(of=Project.objects.create(name="Elsewhere"))
    colleague = member("bob")
    for held, by in ((image, annotator), (other, colleague), (elsewhere, annotator)):
        assert open_lease(held, by, purpose=Purpose.ANNOTATE)
    remove_member(Membership.objects.get(project=project, user=annotator))
    assert [work_status(row) for row in (image, other, elsewhere)] == ["new", "in_progress", "in_progress"]
    held_ids = set(Lease.objects.filter(released_at=None).values_list("image_id", flat=True))
    assert held_ids == {other.pk, elsewhere.pk}


def test_the_images_of_a_deactivated_person_are_to_do_at_once(
    project: Project, admin: User, annotator: User, add_image: Callable[..., Image]
) -> None:
    image, elsewhere = add_image(), add_image(of=Project.objects.create(name="Elsewhere"))
    for held in (image, elsewhere):
        assert open_lease(held, annotator, purpose=Purpose.ANNOTATE)
    annotator.set_password("another-Horse-9")
    annotator.save()
    assert work_status(image) == "in_progress"
    set_active(annotator, False, by=admin)
    assert [work_status(row) for row in (image, elsewhere)] == ["new", "new"]
    assert not Lease.objects.filter(released_at=None).exists()


def test_who_was_removed_finds_nothing_and_whoever_comes_back_goes_on(
    project: Project, admin: User, annotator: User, add_image: Callable[..., Image], client_of: Callable[[User], Client]
) -> None:
    image, client = add_image(), client_of(annotator)
    assert client.post(f"/api/v1/projects/{project.pk}/next").json()["image_id"] == image.pk
    membership = Membership.objects.get(project=project, user=annotator)
    assert client_of(admin).delete(f"/api/v1/members/{membership.pk}").status_code in (200, 204)
    for path in ("lease", "heartbeat", "submit"):
        answer = client.post(f"/api/v1/images/{image.pk}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    Membership.objects.create(project=project, user=annotator)
    assert client.post(f"/api/v1/images/{image.pk}/lease").status_code == 200
    assert work_status(image) == WorkStatus.IN_PROGRESS


def test_deleting_a_project_or_a_person_with_claims_works(
    project: Project, annotator: User, add_image: Callable[..., Image]
) -> None:
    image = add_image()
    assert open_lease(image, annotator, purpose=Purpose.ANNOTATE)
    annotator.delete()
    assert work_status(image) == WorkStatus.NEW
    project.delete()
    assert not Image.objects.exists()


def test_a_claim_that_ran_out_is_told_even_when_nobody_asks_for_images(
    project: Project, annotator: User, add_image: Callable[..., Image]
) -> None:
    image, living = add_image(), add_image()
    lease = open_lease(image, annotator, purpose=Purpose.ANNOTATE)
    assert lease
    assert open_lease(living, annotator, purpose=Purpose.ANNOTATE)
    Lease.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert reconcile_missing()["released_images"] == 1
    assert (work_status(image), work_status(living)) == (WorkStatus.NEW, WorkStatus.IN_PROGRESS)
    assert reconcile_missing()["released_images"] == 0


def test_entering_the_semi_automatic_stage_begins_with_the_suggestions(
    project: Project, model: ModelVersion, add_photo: Callable[..., Image]
) -> None:
    add_photo()
    update_project(project, ProjectChanges(guidelines="All cars."))
    assert not Job.objects.exists()
    update_project(project, ProjectChanges(stage=Stage.SEMI_AUTOMATIC))
    update_project(project, ProjectChanges(guidelines="All cars and vans."))
    assert [(job.kind, job.total) for job in Job.objects.filter(project=project)] == [("prefill", 1)]


def test_starting_while_suggestions_are_being_made_says_so(
    project: Project,
    model: ModelVersion,
    annotator: User,
    add_photo: Callable[..., Image],
    client_of: Callable[[User], Client],
    work_off: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    image = add_photo()
    Project.objects.filter(pk=project.pk).update(stage=Stage.SEMI_AUTOMATIC)
    client = client_of(annotator)
    with django_capture_on_commit_callbacks(execute=True):
        waiting = client.post(f"/projects/{project.pk}/start/", follow=True)
    assert "1 image waits for the model" in waiting.content.decode()
    work_off()
    started = client.post(f"/projects/{project.pk}/start/")
    assert started["Location"] == f"/projects/{project.pk}/images/{image.pk}/"


def test_the_review_page_counts_the_masks_that_are_there_now(
    project: Project,
    admin: User,
    annotator: User,
    add_image: Callable[..., Image],
    add_mask: Callable[..., Any],
    client_of: Callable[[User], Client],
) -> None:
    image = add_image()
    mask, _ = add_mask(image, author=annotator), add_mask(image, (8, 8, 4, 4), author=annotator)
    submit_image(image, annotator)
    page, client = f"/projects/{project.pk}/review/", client_of(admin)
    assert "· 2 masks<" in client.get(page).content.decode()
    type(mask).objects.filter(pk=mask.pk).update(deleted_at=timezone.now())
    assert "· 1 mask<" in client.get(page).content.decode()


def test_an_image_held_for_work_by_hand_gets_no_suggestions_until_it_is_back(
    project: Project, annotator: User, add_image: Callable[..., Image], model: ModelVersion
) -> None:
    held, free = add_image(), add_image()
    assert open_lease(held, annotator, purpose=Purpose.ANNOTATE)
    update_project(project, ProjectChanges(stage=Stage.SEMI_AUTOMATIC))
    assert set(images_to_prefill(project)) == {free}
    Lease.objects.filter(image=held).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert set(images_to_prefill(project)) == {held, free}
