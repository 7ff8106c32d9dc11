"""Images that hold masks are not called "To do", though the queue hands them out like new ones."""

from typing import Any

from django.test import Client

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.statistics.work_state import read_queue
from tests.annotator.conftest import Api
from tests.annotator.test_api_annotations import applied, change, create


def shown(client: Client, project: Project, status: str = "") -> str:
    return client.get(f"/projects/{project.pk}/?status={status}").content.decode()


def test_an_image_with_masks_is_begun_until_it_is_emptied(
    as_annotator: Api, annotator: User, project: Project, image: Image, client: Client
) -> None:
    client.force_login(annotator)
    assert 'class="work work-new">To do<' in shown(client, project)
    row: dict[str, Any] = applied(as_annotator, image, create())
    assert 'class="work work-begun">Begun<' in shown(client, project)
    assert image.name in shown(client, project, "begun")
    assert "No image fits" in shown(client, project, "new")
    assert read_queue(project)["begun"] == 1
    assert "<b>0</b> to do" in client.get(f"/projects/{project.pk}/queue/").content.decode()
    applied(as_annotator, image, change("delete", row))
    assert image.name in shown(client, project, "new")
    assert "No image fits" in shown(client, project, "begun")
    assert read_queue(project)["begun"] == 0


def test_suggestions_alone_are_no_beginning(as_annotator: Api, annotator: User, project: Project, image: Image) -> None:
    applied(as_annotator, image, create(state="suggestion", source="suggestion"))
    assert read_queue(project)["begun"] == 0
