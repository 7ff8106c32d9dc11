"""Tags: images are found by them in any script, and admins put them on many images at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.errors import InvalidError
from annotator.images.models import Image
from annotator.images.selectors import list_images
from annotator.images.tags import MAX_TAGS, change_tag, list_tags
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.queue.next_image import waiting_images
from annotator.queue.options import Order

AddImage = Callable[..., Image]


@pytest.fixture
def add_image(project: Project) -> AddImage:
    def make(**fields: Any) -> Image:
        number = Image.objects.count()
        shape = {"width": 8, "height": 8, "byte_size": 1, "format": "PNG", "status": "ready", "position": number}
        row = {"name": f"{number}.png", "sha256": f"{number:064}", **shape, **fields}
        return Image.objects.create(project=project, **row)

    return make


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("tag", ["night", "고양이", "夜", "été", 'the "best"', "back\\slash", "100 %", "a_b", "{x}"])
def test_images_are_found_and_ordered_by_a_tag_in_any_script(
    tag: str, project: Project, annotator: User, add_image: AddImage
) -> None:
    add_image(tags=["day", "axb", "1000 %"])
    tagged = add_image(tags=["day", tag])
    assert [row["id"] for row in list_images(project, tag=tag)["items"]] == [tagged.pk]
    project.settings = {"queue": {"order": Order.TAG, "tag": tag}}
    assert waiting_images(project, annotator).first() == tagged
    assert list_tags(project) == sorted({"day", "axb", "1000 %", tag})


def test_a_part_of_a_tag_is_another_tag(project: Project, add_image: AddImage) -> None:
    add_image(tags=["night shift"])
    assert list_images(project, tag="night")["total"] == 0


def test_a_tag_is_put_on_and_taken_off_once(project: Project, add_image: AddImage) -> None:
    first, second, third = add_image(tags=["night"]), add_image(), add_image()
    foreign = Image.objects.create(
        project=Project.objects.create(name="Other"), name="x", sha256="f" * 64, width=8, height=8, byte_size=1
    )
    ids = [first.pk, second.pk, foreign.pk]
    assert change_tag(project, ids, tag="  night ", is_added=True) == 1
    assert change_tag(project, ids, tag="night", is_added=True) == 0
    tags = dict(Image.objects.values_list("pk", "tags"))
    assert tags == {first.pk: ["night"], second.pk: ["night"], third.pk: [], foreign.pk: []}
    assert change_tag(project, ids, tag="night", is_added=False) == 2
    assert list_tags(project) == []


def test_no_image_gets_more_tags_than_the_api_takes(project: Project, add_image: AddImage) -> None:
    full = add_image(tags=[str(number) for number in range(MAX_TAGS)])
    assert change_tag(project, [full.pk], tag="one more", is_added=True) == 0


@pytest.mark.parametrize(("ids", "tag"), [([1], " "), ([1], "x" * 51), ([], "night"), (list(range(1001)), "night")])
def test_what_means_nothing_is_refused(ids: list[int], tag: str, project: Project) -> None:
    with pytest.raises(InvalidError):
        change_tag(project, ids, tag=tag, is_added=True)


class TestThePage:
    def post(self, user: User, project: Project, **body: Any) -> Any:
        return signed_in(user).post(f"/projects/{project.pk}/tags/", body, follow=True)

    def test_an_admin_tags_what_was_chosen_and_stays_where_that_was(
        self, project: Project, admin: User, add_image: AddImage
    ) -> None:
        first, second, third = add_image(), add_image(), add_image()
        body = {
            "image": [first.pk, third.pk],
            "tag": "밤",
            "action": "add",
            "status_shown": "new",
            "search_shown": "png",
        }
        answer = self.post(admin, project, **body)
        assert "2 images now have the tag “밤”" in answer.content.decode()
        assert answer.redirect_chain[-1][0] == f"/projects/{project.pk}/?status=new&search=png"
        assert Image.objects.get(pk=second.pk).tags == []
        page = signed_in(admin).get(f"/projects/{project.pk}/", {"tag": "밤"}).content.decode()
        assert [f"Open {image.name}" in page for image in (first, second, third)] == [True, False, True]
        answer = self.post(admin, project, image=[first.pk], tag="밤", action="remove")
        assert "1 image no longer has the tag “밤”" in answer.content.decode()

    def test_what_means_nothing_is_said(self, project: Project, admin: User, add_image: AddImage) -> None:
        image = add_image()
        assert "A tag has 1 to 50 characters" in self.post(admin, project, image=[image.pk], tag="").content.decode()
        answer = self.post(admin, project, image=["x", "9" * 30], tag="night", action="add")
        assert "Choose 1 to 1,000 images" in answer.content.decode()
        assert Image.objects.get().tags == []

    def test_the_model_annotates_what_was_chosen(
        self, project: Project, admin: User, add_image: AddImage, model: Any
    ) -> None:
        chosen, _ = add_image(), add_image()
        body = {"action": "run", "scope": "chosen", "image": [chosen.pk]}
        answer = signed_in(admin).post(f"/projects/{project.pk}/automatic/", body, follow=True)
        assert "The model annotates 1 image." in answer.content.decode()
        assert Job.objects.get(kind="automatic").params == {"image_ids": [chosen.pk]}

    def test_who_may_not(self, project: Project, annotator: User, outsider: User, add_image: AddImage) -> None:
        image = add_image()
        body = {"image": [image.pk], "tag": "night", "action": "add"}
        path = f"/projects/{project.pk}/tags/"
        assert signed_in(annotator).post(path, body).status_code == 403
        assert signed_in(outsider).post(path, body).status_code == 404
        assert Client().post(path, body)["Location"] == f"/login/?next={path}"
        assert 'type="checkbox"' not in signed_in(annotator).get(f"/projects/{project.pk}/").content.decode()

    def test_other_methods_and_missing_projects(self, project: Project, admin: User) -> None:
        assert signed_in(admin).get(f"/projects/{project.pk}/tags/").status_code == 405
        assert signed_in(admin).post(f"/projects/{project.pk + 9}/tags/").status_code == 404
