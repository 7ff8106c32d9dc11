"""Embeddings of versions that nobody uses can be cleared; what people work with, or may go back to, stays."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.audit.models import AuditEvent
from annotator.automatic import unused_embeddings
from annotator.automatic.clearing_requests import start_clearing
from annotator.automatic.unused_embeddings import Use, clear_version, describe_space, versions_in_use
from annotator.errors import ConflictError, InvalidError
from annotator.images.models import Image
from annotator.inference.default_model import set_default, take_back_default
from annotator.inference.models import DefaultDecision, EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.commands import ModelPin, ProjectChanges
from annotator.projects.model_choice import take_back_model
from annotator.projects.models import ModelChoice, Project
from annotator.projects.services import update_project
from tests.annotator.conftest import stored_files

CLEARED = "model.embeddings_cleared"


@pytest.fixture
def versions(db: None) -> list[ModelVersion]:
    """Three versions; the last one is the default, and the first two were never in use."""
    rows = [
        ModelVersion.objects.create(name="m", version=f"m-{n}", image_size=64, embed_dim=8, weights_sha256=str(n) * 64)
        for n in (1, 2, 3)
    ]
    set_default(rows[2].version)
    return rows


@pytest.fixture
def root(admin: User) -> User:
    admin.is_superuser = True
    admin.save()
    return admin


def embed(picture: str, version: ModelVersion, *, crop: str = "full", status: str = "ready") -> ImageEmbedding:
    row = ImageEmbedding(sha256=picture, model_version=version, crop_box=crop, status=status, byte_size=100)
    if status == EmbeddingStatus.READY:
        row.file.name = default_storage.save(f"embeddings/{picture[:2]}/{row.key}.npy", ContentFile(b"x"))
    row.save()
    return row


def photos(add_image: Callable[..., Image], count: int, *versions: ModelVersion) -> list[str]:
    pictures = [add_image().picture for _ in range(count)]
    for picture in pictures:
        for version in versions:
            embed(picture, version)
    return pictures


def pin(project: Project, version: ModelVersion | None) -> None:
    update_project(project, ProjectChanges(pin=ModelPin(version.version if version else None)))
    project.refresh_from_db()


def of(version: ModelVersion) -> unused_embeddings.Space:
    return next(space for space in describe_space() if space.version == version)


def long_ago() -> None:
    """Let every choice have been made, and undone, before the time within which one goes back."""
    away = timedelta(days=31)
    DefaultDecision.objects.update(decided_at=F("decided_at") - away, taken_back_at=F("taken_back_at") - away)
    ModelChoice.objects.update(chosen_at=F("chosen_at") - away, taken_back_at=F("taken_back_at") - away)


def clear(version: ModelVersion, user: User) -> Job:
    job = start_clearing(version.version, user)
    jobs.do_job(job.pk, clear_version)
    job.refresh_from_db()
    return job


def test_the_space_of_each_version_is_told(versions: list[ModelVersion], add_image: Any) -> None:
    first, second, default = versions
    photos(add_image, 2, first, default)
    embed("a" * 64, first, crop="0_0_40_40")
    assert [(space.version, space.embeddings, space.byte_size, space.use) for space in describe_space()] == [
        (default, 2, 200, Use.DEFAULT),
        (second, 0, 0, None),
        (first, 3, 300, None),
    ]
    assert (of(first).clearable, of(first).clearable_bytes) == (2, 200), "no other version knows the third photo"


def test_clearing_takes_rows_and_files_and_is_in_the_audit_log(
    versions: list[ModelVersion], add_image: Any, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused_embeddings, "AT_ONCE", 2)
    first, _, default = versions
    pictures = photos(add_image, 3, first, default)
    embed(pictures[0], first, crop="0_0_40_40")
    embed(pictures[1], first, crop="0_0_50_50", status="failed")
    job = clear(first, root)
    assert (job.status, job.done, job.total) == (JobStatus.DONE, 5, 5)
    assert job.report == {"embeddings": 5, "bytes": 500}
    assert not first.embeddings.exists()
    assert stored_files() == sorted(str(row.file.name) for row in default.embeddings.all())
    event = AuditEvent.objects.get(verb=CLEARED)
    assert (event.object_name, event.actor_id) == (first.version, root.pk)
    assert event.changes == {"embeddings": [None, 5], "bytes": [None, 500]}
    with pytest.raises(InvalidError, match="nothing to clear of m-1"):
        start_clearing(first.version, root)


def test_photos_that_no_version_in_use_has_embedded_keep_theirs(
    versions: list[ModelVersion], add_image: Any, root: User
) -> None:
    first, second, default = versions
    embedded, *waiting = photos(add_image, 4, first)
    embed(embedded, default)
    embed(waiting[0], default, status="pending")
    embed(waiting[1], default, crop="0_0_40_40")
    embed(waiting[2], second)  # which nobody uses either
    clear(first, root)
    assert set(first.embeddings.values_list("sha256", flat=True)) == set(waiting)


def test_what_waits_or_is_made_stays(versions: list[ModelVersion], add_image: Any, root: User) -> None:
    first, _, default = versions
    pictures = photos(add_image, 3, default)
    for picture, status in zip(pictures, ("pending", "running", "ready"), strict=True):
        embed(picture, first, status=status)
    clear(first, root)
    assert sorted(first.embeddings.values_list("status", flat=True)) == ["pending", "running"]


def test_a_default_that_was_left_keeps_its_embeddings_until_nobody_goes_back(
    versions: list[ModelVersion], add_image: Any, root: User
) -> None:
    first, second, third = versions
    photos(add_image, 1, first, second, third)
    set_default(second.version)
    set_default(first.version)
    take_back_default()
    assert versions_in_use() == {first.pk: Use.LEFT_LATELY, second.pk: Use.DEFAULT, third.pk: Use.LEFT_LATELY}
    kept_until = of(third).kept_until
    assert kept_until is not None
    assert timedelta(days=29) < kept_until - timezone.now() <= timedelta(days=30)
    for version in (first, second, third):
        with pytest.raises(ConflictError, match="stay"):
            start_clearing(version.version, root)
    assert not AuditEvent.objects.filter(verb=CLEARED).exists()
    long_ago()
    assert versions_in_use() == {second.pk: Use.DEFAULT}
    clear(third, root)
    assert not third.embeddings.exists()
    assert take_back_default() == third, "going back is still possible, and embeds again"


def test_a_version_that_projects_keep_to_or_left_lately_stays(
    versions: list[ModelVersion], project: Project, add_image: Any, root: User
) -> None:
    first, second, default = versions
    photos(add_image, 1, *versions)
    pin(project, first)
    pin(project, second)
    assert versions_in_use() == {first.pk: Use.LEFT_LATELY, second.pk: Use.PINNED, default.pk: Use.DEFAULT}
    take_back_model(project)
    assert versions_in_use() == {first.pk: Use.PINNED, second.pk: Use.LEFT_LATELY, default.pk: Use.DEFAULT}
    long_ago()
    Project.objects.update(deleted_at=timezone.now())
    assert versions_in_use() == {first.pk: Use.PINNED, default.pk: Use.DEFAULT}, (
        "whoever restores the project finds them"
    )


def test_the_time_to_go_back_is_a_setting(versions: list[ModelVersion], settings: Any) -> None:
    first, _, default = versions
    set_default(first.version)
    settings.ROLL_BACK_DAYS = 0
    assert versions_in_use() == {first.pk: Use.DEFAULT}
    settings.ROLL_BACK_DAYS = 1
    assert versions_in_use() == {first.pk: Use.DEFAULT, default.pk: Use.LEFT_LATELY}


def test_clearing_ends_where_somebody_comes_to_use_the_version(
    versions: list[ModelVersion], project: Project, add_image: Any, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused_embeddings, "AT_ONCE", 1)
    first, _, default = versions
    photos(add_image, 3, first, default)
    job = start_clearing(first.version, root)
    clear_some = unused_embeddings.clear_some

    def clear_then_pin(version: ModelVersion) -> tuple[int, int]:
        cleared = clear_some(version)
        Project.objects.update(model_version=version)
        return cleared

    monkeypatch.setattr(unused_embeddings, "clear_some", clear_then_pin)
    jobs.do_job(job.pk, clear_version)
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.FAILED, 1)
    assert job.error == "The embeddings of m-1 stay: the version is in use, or was in use a short while ago."
    assert first.embeddings.count() == 2


def test_one_clearing_of_a_version_at_a_time(versions: list[ModelVersion], add_image: Any, root: User) -> None:
    first, _, default = versions
    photos(add_image, 1, first, default)
    start_clearing(first.version, root)
    with pytest.raises(ConflictError):
        start_clearing(first.version, root)
    assert AuditEvent.objects.filter(verb=CLEARED).count() == 1


def test_the_page_names_the_time_and_its_button_clears(
    versions: list[ModelVersion], add_image: Any, root: User, client_of: Callable[[User], Client]
) -> None:
    second = versions[1]
    photos(add_image, 1, *versions)
    set_default(second.version)
    client = client_of(root)
    assert 'href="/models/embeddings/"' in client.get("/models/").content.decode()
    page = client.get("/models/embeddings/").content.decode()
    assert "stay for 30 days after the default" in page
    assert "Was in use: kept until" in page
    assert page.count("Clear the embeddings of") == 1
    assert "Clear the embeddings of m-1" in page
    for label, said in (
        ("m-1", "Clearing 1 embedding of m-1 in the background."),
        ("m-3", "The embeddings of m-3 stay"),
        ("m-9", "There is no model version “m-9”."),
    ):
        answer = client.post("/models/embeddings/", {"model_version": label}, follow=True)
        assert said in answer.content.decode()
    assert "Clearing embeddings" in client.get("/models/embeddings/").content.decode()
    assert Job.objects.get().params == {"version": "m-1"}


def test_the_page_is_for_server_admins(
    versions: list[ModelVersion], add_image: Any, admin: User, client_of: Callable[[User], Client]
) -> None:
    first, _, default = versions
    photos(add_image, 1, first, default)
    client = client_of(admin)
    assert client.get("/models/embeddings/").status_code == 403
    assert client.post("/models/embeddings/", {"model_version": first.version}).status_code == 403
    assert not Job.objects.exists()
    assert "/models/embeddings/" not in client.get("/models/").content.decode()


def run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("clear_embeddings", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_tells_and_clears(versions: list[ModelVersion], add_image: Any) -> None:
    _, second, default = versions
    photos(add_image, 2, *versions)
    set_default(second.version)
    set_default(default.version)
    until = of(second).kept_until
    assert run() == [
        "m-3: 2 embeddings, 0.0 MB; the default",
        f"m-2: 2 embeddings, 0.0 MB; kept until {until:%Y-%m-%d}",
        "m-1: 2 embeddings, 0.0 MB; 2 (0.0 MB) can be cleared",
    ]
    with pytest.raises(CommandError, match="The embeddings of m-2 stay"):
        run("m-2")
    assert run("--all") == ["m-1: 2 embeddings cleared, 0.0 MB"]
    assert set(ImageEmbedding.objects.values_list("model_version", flat=True)) == {second.pk, default.pk}
    assert AuditEvent.objects.get(verb=CLEARED).changes["embeddings"] == [None, 2]
    with pytest.raises(CommandError, match="nothing to clear"):
        run("--all")
    long_ago()
    assert run("m-2") == ["m-2: 2 embeddings cleared, 0.0 MB"]
