"""The pages of dataset versions: made by a form that works without a script, opened, compared, deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.images.services import remove_image
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project
from annotator.training import snapshots
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import DatasetFilters
from tests.annotator.training.conftest import Finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(admin)


def freeze(project: Project, **options: Any) -> DatasetVersion:
    filters = options.pop("filters", DatasetFilters())
    return snapshots.freeze(project, filters=filters, user=None, **options)


def text_of(client: Client, name: str, *args: int, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_form_freezes_what_its_filters_choose(
    client: Client, project: Project, finish: Finish, label: Label, admin: User, work_off: Callable[[], None],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    finish(2, mask={"label": label, "author": admin})
    finish(3)
    form = {"name": "roads", "labels": [label.pk], "people": [admin.pk], "created_from": "2020-01-01"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("datasets", args=[project.pk]), form)
    assert answer.status_code == 302
    assert "Freezing masks" in text_of(client, "datasets", project.pk)
    work_off()
    version = DatasetVersion.objects.get()
    assert (version.name, version.masks, version.created_by) == ("roads", 2, admin)
    page = text_of(client, "datasets", project.pk)
    assert "Freezing masks" not in page
    assert f'<a href="/projects/{project.pk}/datasets/{version.pk}/">roads</a>' in page
    opened = text_of(client, "dataset", project.pk, version.pk)
    assert "labels: car · made by: ada · made from 2020-01-01 on" in opened
    assert version.digest in opened


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "taken"}, "Another dataset version is called “taken”."),
        ({"labels": [999999]}, "fits these filters"),
        ({"labels": ["car"]}, "The filters do not fit together."),
        ({"created_from": "soon"}, "The filters do not fit together."),
        ({"labels": [10**30]}, "The filters do not fit together."),
        ({"people": [-(10**30)]}, "The filters do not fit together."),
        ({"created_from": "0001-01-01T00:00+14:00"}, "The filters do not fit together."),
        ({"name": "x" * 101}, "100 characters at most"),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_filled_in(
    form: Any, words: str, client: Client, project: Project, finish: Finish
) -> None:
    finish()
    freeze(project, name="taken")
    answer = client.post(reverse("datasets", args=[project.pk]), {"created_before": "2030-01-01", **form})
    page = answer.content.decode()
    assert (answer.status_code, words in page) == (200, True)
    assert 'value="2030-01-01"' in page
    assert not Job.objects.exists()


def test_a_project_without_masks_is_told_what_to_do(client: Client, project: Project) -> None:
    assert "No versions yet" in text_of(client, "datasets", project.pk)
    answer = client.post(reverse("datasets", args=[project.pk]), {})
    assert "Submit an image with masks first" in answer.content.decode()


def test_two_versions_are_compared_on_the_page(
    client: Client, project: Project, finish: Finish, label: Label, add_mask: Callable[..., Annotation]
) -> None:
    image, _ = finish(2, mask={"label": label})
    lost, _ = finish(1)
    first = freeze(project, name="monday")
    assert "There is no other version yet." in text_of(client, "dataset", project.pk, first.pk)
    add_mask(image, (9, 9, 3, 3), label=label)
    remove_image(lost)
    second = freeze(project, name="tuesday")
    page = text_of(client, "dataset", project.pk, second.pk, **{"with": first.pk})
    assert "What became of the masks of “monday” in “tuesday”:" in page
    for word, number in (("Added", 1), ("Changed", 0), ("Gone", 1), ("The same", 2)):
        assert f"<dt>{word}</dt><dd>{number}</dd>" in page
    assert f'<a href="/projects/{project.pk}/images/{image.pk}/">{image.name}</a>' in page
    assert f"/images/{lost.pk}/" not in page
    assert lost.name in page


@pytest.mark.parametrize("other", ["", "x", "999999999", "9" * 30, "own"])
def test_comparing_with_nothing_shows_the_version_alone(
    other: str, client: Client, project: Project, finish: Finish
) -> None:
    finish()
    version = freeze(project)
    page = text_of(client, "dataset", project.pk, version.pk, **{"with": other})
    assert "What became of" not in page


def test_a_failure_is_shown_until_a_later_version_is_made(client: Client, project: Project, finish: Finish) -> None:
    finish()
    freeze(project)
    Job.objects.create(project=project, kind="dataset", status="failed", error="The server's disk is full.")
    assert "disk is full" in text_of(client, "datasets", project.pk).replace("&#x27;", "'")
    freeze(project)
    assert "disk is full" not in text_of(client, "datasets", project.pk)


def test_a_version_is_deleted_from_its_page(client: Client, project: Project, finish: Finish) -> None:
    finish(2)
    version = freeze(project, name="monday")
    answer = client.post(reverse("dataset_delete", args=[project.pk, version.pk]), follow=True)
    assert "“monday” is deleted." in answer.content.decode()
    assert not DatasetVersion.objects.exists()
    assert Annotation.objects.count() == 2


def test_comparing_with_a_version_whose_file_is_gone_is_told(client: Client, project: Project, finish: Finish) -> None:
    finish()
    first, second = freeze(project), freeze(project)
    first.file.storage.delete(str(first.file.name))
    assert "Restore it from a backup" in text_of(client, "dataset", project.pk, second.pk, **{"with": first.pk})
