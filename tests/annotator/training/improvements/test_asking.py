"""Asking for improvements, using what came of them, going back: over HTTP, on the page, and by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.audit.models import AuditEvent
from annotator.background.purge import purge_binned_projects
from annotator.errors import ConflictError
from annotator.images.models import Image
from annotator.images.services import remove_image
from annotator.inference.models import ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project
from annotator.training import automatic_improvements, improvements, runs
from annotator.training.models import Improvement
from annotator.training.run_folder import RunFolder
from annotator.training.run_result import picture_name

Start = Callable[..., Improvement]
ClientOf = Callable[[User], Client]


@pytest.fixture
def done(start: Start, plan: Any) -> Improvement:
    """A run that has come to a better version."""
    row = start()
    assert row.job is not None
    runs.run_here(row.job.pk)
    return Improvement.objects.select_related("job", "version", "project", "dataset").get(pk=row.pk)


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return getattr(client, method)(f"/api/v1{path}", body or {}, content_type="application/json")


def test_an_admin_starts_one_and_a_second_waits_for_its_end(
    project: Project, model: ModelVersion, learnable: list[Image], admin: User, client_of: ClientOf
) -> None:
    client, path = client_of(admin), f"/projects/{project.pk}/improvements"
    answer = send(client, "post", path, {"minutes": 5})
    assert answer.status_code == 202
    assert (answer.json()["masks"], answer.json()["parent"]) == (5, model.version)
    assert answer.json()["job"]["status"] == "pending"
    again = send(client, "post", path, {"minutes": 5})
    assert (again.status_code, again.json()["code"]) == (409, "job_running")
    assert "being improved already" in again.json()["message"]
    assert Improvement.objects.count() == 1
    assert [row["id"] for row in client.get(f"/api/v1{path}").json()] == [answer.json()["id"]]
    event = AuditEvent.objects.get(verb="improvement.started")
    assert (event.actor_name, event.project_id) == (admin.username, project.pk)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"minutes": 0}, "bad_minutes"),
        ({"minutes": 10**6}, "bad_minutes"),
        ({"recipe": "magic"}, "bad_recipe"),
        ({"device": "abacus"}, "bad_device"),
        ({"filters": {"labels": [10**6]}}, "no_masks"),
        ({"filters": {"colours": []}}, "invalid"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    body: Any,
    code: str,
    project: Project,
    model: ModelVersion,
    learnable: list[Image],
    admin: User,
    client_of: ClientOf,
) -> None:
    answer = send(client_of(admin), "post", f"/projects/{project.pk}/improvements", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["message"].endswith(".")
    assert not Improvement.objects.exists()
    assert not Job.objects.exists()


def test_without_a_model_or_masks_or_in_the_archive_nothing_is_started(
    project: Project, admin: User, client_of: ClientOf, request: Any
) -> None:
    client, path = client_of(admin), f"/projects/{project.pk}/improvements"
    assert send(client, "post", path).json()["code"] == "no_model"
    request.getfixturevalue("model")
    assert send(client, "post", path).json()["code"] == "no_masks"
    project.archived_at = project.created_at
    project.save()
    assert send(client, "post", path).json()["code"] == "project_archived"


def test_members_see_and_only_admins_act(
    done: Improvement, project: Project, annotator: User, reviewer: User, outsider: User, client_of: ClientOf
) -> None:
    of_project, of_run = f"/projects/{project.pk}", f"/improvements/{done.pk}"
    paths = [f"{of_project}/improvements", of_run, f"{of_run}/pictures/better-01.webp"]
    paths.append(f"{of_project}/improvement-settings")
    acts = [("post", f"{of_project}/improvements"), ("post", f"{of_run}/use")]
    acts.append(("patch", f"{of_project}/improvement-settings"))
    for user, seen, acted in ((annotator, 200, 403), (reviewer, 200, 403), (outsider, 404, 404)):
        assert {client_of(user).get(f"/api/v1{path}").status_code for path in paths} == {seen}
        assert {send(client_of(user), method, path).status_code for method, path in acts} == {acted}
        page = client_of(user).get(f"/projects/{project.pk}/improve/")
        assert page.status_code == seen
        assert client_of(user).post(f"/projects/{project.pk}/improve/", {"action": "start"}).status_code == acted
    page_of_member = client_of(annotator).get(f"/projects/{project.pk}/improve/").content.decode()
    assert "Better" in page_of_member
    assert 'value="start"' not in page_of_member
    assert 'value="use"' not in page_of_member
    assert Improvement.objects.count() == 1


def test_using_a_version_pins_it_and_embeds_and_rolling_back_restores(
    done: Improvement, project: Project, model: ModelVersion, admin: User, client_of: ClientOf
) -> None:
    client, path = client_of(admin), f"/projects/{project.pk}/improve/"
    said = client.post(path, {"action": "use", "improvement": done.pk}, follow=True).content.decode()
    assert done.version is not None
    assert f"The project uses {done.version.version} now. Embedding 5 images in the background." in said
    assert "In use" in said
    assert Project.objects.get().model_version == done.version
    embedding = Job.objects.get(kind="embed")
    assert (embedding.status, embedding.params) == ("pending", {"version": done.version.version})
    said = client.post(path, {"action": "roll_back"}, follow=True).content.decode()
    assert "follows the server" in said
    assert Project.objects.get().model_version is None
    embedding.refresh_from_db()
    assert embedding.status == JobStatus.CANCELLED
    verbs = list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs[-2:] == ["project.changed", "project.model_back"]
    assert send(client, "post", f"/improvements/{done.pk}/use").json()["version"] == done.version.version
    assert Project.objects.get().model_version == done.version


def test_a_run_without_a_version_cannot_be_used(start: Start, admin: User, client_of: ClientOf) -> None:
    row = start()
    answer = send(client_of(admin), "post", f"/improvements/{row.pk}/use")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_version")


def test_a_run_of_another_project_is_not_used_through_ones_own(
    done: Improvement, make_user: Any, admin: User, client_of: ClientOf
) -> None:
    own = Project.objects.create(name="Own")
    own.memberships.create(user=admin, role="admin")
    said = client_of(admin).post(f"/projects/{own.pk}/improve/", {"action": "use", "improvement": done.pk}, follow=True)
    assert "There is no such improvement." in said.content.decode()
    assert Project.objects.get(pk=own.pk).model_version is None


def test_the_page_starts_one_with_filters_and_shows_figures(
    project: Project, model: ModelVersion, learnable: list[Image], admin: User, client_of: ClientOf
) -> None:
    client, path = client_of(admin), f"/projects/{project.pk}/improve/"
    page = client.get(path).content.decode()
    assert "What it would learn from" in page
    label = Annotation.objects.first()
    assert label is not None
    order = {"action": "start", "minutes": "30", "recipe": "neck", "label": [label.label_id], "since": "2020-01-01"}
    said = client.post(path, order, follow=True).content.decode()
    assert "learns from 5 masks" in said
    row = Improvement.objects.get()
    assert (row.minutes, row.recipe, row.filters["labels"]) == (30, "neck", [label.label_id])
    assert 'value="start"' not in said, "while one is under way there is no second"
    assert "being improved already" in client.post(path, order, follow=True).content.decode()
    for wrong in ({"minutes": "x"}, {"since": "tomorrow"}, {"recipe": "magic"}):
        jobs.cancel_open_jobs(project)
        assert 'class="notice error"' in client.post(path, {**order, **wrong}, follow=True).content.decode()
    assert Improvement.objects.count() == 1


def test_the_page_tells_of_a_finished_run(
    done: Improvement, project: Project, admin: User, client_of: ClientOf
) -> None:
    page = client_of(admin).get(f"/projects/{project.pk}/improve/").content.decode()
    assert "better on images that it never learned from" in page
    assert "+0.20" in page
    assert f"/api/v1/improvements/{done.pk}/pictures/worse-01.webp" in page
    assert "to look at again" in page
    other = ModelVersion.objects.create(name="x", version="x-1", image_size=64, embed_dim=32, weights_sha256="0")
    Project.objects.update(model_version=other)
    assert "come to use another version" in client_of(admin).get(f"/projects/{project.pk}/improve/").content.decode()


def test_masks_that_were_changed_since_are_not_offered_again(done: Improvement) -> None:
    offered = improvements.masks_to_look_at(done)
    disagreed = [entry for entry in done.result["per_mask"] if entry["after"] < improvements.DISAGREES_BELOW]
    assert {str(mask.pk) for mask in offered} == {entry["id"] for entry in disagreed}
    offered[0].save()  # a change, whatever it is
    assert [mask.pk for mask in improvements.masks_to_look_at(done)] == [mask.pk for mask in offered[1:]]


def test_pictures_are_served_and_go_with_their_image(
    done: Improvement, admin: User, client_of: ClientOf, django_capture_on_commit_callbacks: Any
) -> None:
    client, path = client_of(admin), f"/api/v1/improvements/{done.pk}/pictures"
    answer = client.get(f"{path}/better-01.webp")
    assert (answer["Content-Type"], answer.content[:4]) == ("image/webp", b"RIFF")
    assert client.get(f"{path}/better-01.webp", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert client.get(f"{path}/better-02.webp").status_code == 404, "it was no picture"
    assert client.get(f"{path}/..%2F..%2Fx").status_code == 404
    shown = {picture["file"]: picture["image"] for picture in done.result["pictures"]}
    with django_capture_on_commit_callbacks(execute=True):
        remove_image(Image.objects.get(pk=shown["better-01.webp"]))
    assert client.get(f"{path}/better-01.webp").status_code == 404
    assert not default_storage.exists(picture_name(done.pk, "better-01.webp"))
    assert client.get(f"{path}/worse-01.webp").status_code == 200


def test_a_project_that_is_deleted_for_good_takes_its_improvements_along(
    done: Improvement, project: Project, django_capture_on_commit_callbacks: Any
) -> None:
    Project.objects.update(deleted_at=project.created_at, purge_at=project.created_at)
    with django_capture_on_commit_callbacks(execute=True):
        assert purge_binned_projects() == 1
    assert not Improvement.objects.exists()
    assert not default_storage.exists(picture_name(done.pk, "worse-01.webp"))
    assert done.version is not None
    assert ModelVersion.objects.filter(pk=done.version.pk).exists(), "others may have come to use it"


def test_by_itself_never_unless_asked_for(project: Project, model: ModelVersion, learnable: list[Image]) -> None:
    assert automatic_improvements.start_due_improvements() == 0


def test_by_itself_after_so_many_new_masks_and_not_again_before_as_many_more(
    project: Project, model: ModelVersion, learnable: list[Image], admin: User, client_of: ClientOf, add_mask: Any
) -> None:
    path = f"/projects/{project.pk}/improvement-settings"
    assert client_of(admin).get(f"/api/v1{path}").json() == {"after_masks": 0, "minutes": 15}
    answer = send(client_of(admin), "patch", path, {"after_masks": 10, "minutes": 3})
    assert answer.json() == {"after_masks": 10, "minutes": 3}
    assert automatic_improvements.start_due_improvements() == 0, "there are five"
    for image in learnable:
        add_mask(image)
    assert automatic_improvements.start_due_improvements() == 1
    row = Improvement.objects.get()
    assert (row.is_automatic, row.started_by, row.minutes, row.masks) == (True, None, 3, 10)
    assert automatic_improvements.start_due_improvements() == 0
    Job.objects.update(status=JobStatus.FAILED)
    assert automatic_improvements.start_due_improvements() == 0, "one that failed is not tried for ever"
    for image in learnable * 2:
        add_mask(image)
    assert automatic_improvements.start_due_improvements() == 1


@pytest.mark.parametrize("wrong", [{"after_masks": 3}, {"after_masks": -1}, {"minutes": 0}, {"after_masks": 10**9}])
def test_a_setting_that_makes_no_sense_is_refused(
    wrong: dict[str, int], project: Project, admin: User, client_of: ClientOf
) -> None:
    answer = send(client_of(admin), "patch", f"/projects/{project.pk}/improvement-settings", wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_setting")
    form = {"action": "save", "after_masks": "10", "minutes": "5", **{name: str(n) for name, n in wrong.items()}}
    page = client_of(admin).post(f"/projects/{project.pk}/improve/", form, follow=True).content.decode()
    assert 'class="notice error"' in page
    assert Project.objects.get().settings == {}


def test_folders_of_runs_that_are_over_go_and_those_that_may_be_resumed_stay(start: Start) -> None:
    row = start()
    folder = RunFolder(row.pk)
    folder.make()
    for status, stays in ((JobStatus.PAUSED, True), (JobStatus.CANCELLED, False)):
        Job.objects.update(status=status)
        assert automatic_improvements.remove_ended_runs() == (0 if stays else 1)
        assert folder.root.exists() == stays


def test_the_command_does_the_same_here(
    project: Project, model: ModelVersion, learnable: list[Image], plan: Any, capsys: Any
) -> None:
    call_command("improve_model", str(project.pk), "--minutes", "4", "--recipe", "decoder", verbosity=0)
    row = Improvement.objects.get()
    assert (row.minutes, row.recipe, row.started_by) == (4, "decoder", None)
    out = capsys.readouterr().out
    assert "better: said by the stand-in" in out
    assert f"It is {model.version}.p{project.pk}.1." in out
    with pytest.raises(CommandError, match="There is no project 999"):
        call_command("improve_model", "999", verbosity=0)


def test_the_command_goes_on_with_one_that_failed_and_says_why_it_fails(
    project: Project, model: ModelVersion, learnable: list[Image], plan: Any
) -> None:
    plan(exit=6)
    with pytest.raises(CommandError, match="no usable numbers"):
        call_command("improve_model", str(project.pk), verbosity=0)
    plan()
    call_command("improve_model", str(project.pk), verbosity=0)
    assert Improvement.objects.count() == 1
    assert Improvement.objects.get().version is not None


def test_a_frozen_dataset_that_a_model_learned_from_is_kept(done: Improvement) -> None:
    from annotator.training.snapshots import delete_version

    assert done.dataset is not None
    with pytest.raises(ConflictError):
        delete_version(done.dataset)
