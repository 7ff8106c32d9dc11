"""Deleting images: said before it happens, with what goes; nothing goes that was not agreed to."""

from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, Comment
from annotator.audit.models import AuditEvent
from annotator.errors import ConflictError
from annotator.images.models import Image
from annotator.images.services import DELETED_AT_ONCE, delete_images
from annotator.projects.models import Project
from annotator.queue.leases import open_lease
from annotator.queue.models import Purpose
from tests.annotator.conftest import Api, jpeg
from tests.annotator.test_api_annotations import applied, change, create

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worked_on(as_admin: Api, image: Image, annotator: User) -> Image:
    """An image with two accepted masks, a deleted one and a rejected one, a comment, in the annotator's hands."""
    rows = [applied(as_admin, image, create()) for _ in range(4)]
    applied(as_admin, image, change("delete", rows[2]))
    Annotation.objects.filter(pk=rows[3]["id"]).update(state="rejected")
    Comment.objects.create(image=image, author=annotator, body="look")
    open_lease(image, annotator, purpose=Purpose.ANNOTATE)
    return image


@pytest.fixture
def empty(as_admin: Api, worked_on: Image, project: Project) -> Image:
    """A second image, without masks."""
    return Image.objects.get(pk=as_admin.upload(project, ("empty.jpg", jpeg(seed=7))).json()[0]["image_id"])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestTheApi:
    def test_an_image_with_masks_goes_only_when_that_is_said(self, as_admin: Api, worked_on: Image) -> None:
        answer = as_admin.delete(f"/images/{worked_on.pk}")
        assert (answer.status_code, answer.json()["code"]) == (409, "image_has_masks")
        held = {"images": 1, "bytes": worked_on.byte_size, "masks": 2, "comments": 1, "held_by": ["noor"]}
        assert answer.json()["extra"] == held
        assert as_admin.delete(f"/images/{worked_on.pk}?masks=nonsense").status_code == 422
        assert Annotation.objects.count() == 4
        assert not AuditEvent.objects.filter(verb="image.deleted").exists()
        assert as_admin.delete(f"/images/{worked_on.pk}?masks=delete").status_code == 204
        assert not Annotation.objects.exists()
        changes = AuditEvent.objects.get(verb="image.deleted").changes
        assert (changes["masks"], changes["comments"]) == ([2, None], [1, None])

    def test_an_image_without_masks_goes_at_once(self, as_admin: Api, empty: Image) -> None:
        assert as_admin.delete(f"/images/{empty.pk}").status_code == 204

    def test_the_description_says_so(self, as_admin: Api) -> None:
        paths = as_admin.get("/openapi.json").json()["paths"]
        operation = paths["/api/v1/images/{image_id}"]["delete"]
        assert "image_has_masks" in operation["description"]
        assert [row["name"] for row in operation["parameters"]] == ["image_id", "masks"]


class TestThePage:
    def post(self, user: User, project: Project, *images: Image, **body: Any) -> Any:
        fields = {"image": [image.pk for image in images], **body}
        return signed_in(user).post(f"/projects/{project.pk}/images/delete/", fields, follow=True)

    def test_it_says_what_goes_and_nothing_has_gone(
        self, admin: User, project: Project, worked_on: Image, empty: Image
    ) -> None:
        page = self.post(admin, project, worked_on, empty).content.decode()
        for words in ("Delete 2 images?", "2 masks", "1 comment", "noor", "empty.jpg", "no way back"):
            assert words in page, words
        assert Image.objects.count() == 2

    def test_the_chosen_go_and_the_filter_stays(
        self, admin: User, project: Project, worked_on: Image, empty: Image
    ) -> None:
        answer = self.post(admin, project, worked_on, empty, masks="2", status_shown="new")
        assert "2 images are deleted for good." in answer.content.decode()
        assert answer.redirect_chain[-1][0] == f"/projects/{project.pk}/?status=new"
        assert not Image.objects.exists()
        assert AuditEvent.objects.filter(verb="image.deleted").count() == 2

    def test_masks_that_arrive_meanwhile_are_asked_about(
        self, as_annotator: Api, admin: User, project: Project, worked_on: Image
    ) -> None:
        applied(as_annotator, worked_on, create())
        page = self.post(admin, project, worked_on, masks="2").content.decode()
        assert "Masks arrived meanwhile" in page
        assert "3 masks" in page
        assert Image.objects.exists()

    def test_what_means_nothing_is_said(self, admin: User, project: Project, worked_on: Image) -> None:
        sentence = f"Choose 1 to {DELETED_AT_ONCE} images."
        assert sentence in self.post(admin, project).content.decode()
        assert sentence in self.post(admin, project, image=["x", "9" * 30]).content.decode()
        assert Image.objects.exists()

    def test_who_may_not(self, project: Project, annotator: User, outsider: User, worked_on: Image) -> None:
        path, body = f"/projects/{project.pk}/images/delete/", {"image": worked_on.pk, "masks": 2}
        assert signed_in(annotator).post(path, body).status_code == 403
        assert signed_in(outsider).post(path, body).status_code == 404
        assert Client().post(path, body)["Location"] == f"/login/?next={path}"
        assert "images/delete/" not in signed_in(annotator).get(f"/projects/{project.pk}/").content.decode()

    def test_other_methods_and_missing_projects(self, project: Project, admin: User) -> None:
        assert signed_in(admin).get(f"/projects/{project.pk}/images/delete/").status_code == 405
        assert signed_in(admin).post(f"/projects/{project.pk + 9}/images/delete/").status_code == 404


def test_images_before_the_one_with_more_masks_go_and_it_stays(
    as_admin: Api, project: Project, worked_on: Image, empty: Image
) -> None:
    applied(as_admin, empty, create())
    with pytest.raises(ConflictError):
        delete_images(project, [worked_on.pk, empty.pk], masks=2)
    assert list(Image.objects.all()) == [empty]
