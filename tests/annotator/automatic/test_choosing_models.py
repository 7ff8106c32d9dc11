"""Choosing a model version: the server's default and a project's own, each recorded, each taken back in one press."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from annotator.accounts.models import User
from annotator.audit.models import AuditEvent
from annotator.inference.default_model import find_version
from annotator.inference.model_sync import keep_row, sync_model
from annotator.inference.models import ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version, newer_than_default, usable_embedding, version_for_page
from annotator.projects.models import Project
from annotator.sam_gateway import read_card
from tests.annotator.inference_steps import TINY_MODEL

ROW = {"image_size": 64, "embed_dim": 32, "weights_sha256": "0" * 64}


@pytest.fixture
def other(model: ModelVersion) -> ModelVersion:
    """A version that came later, of another model."""
    return ModelVersion.objects.create(name="vit", version="vit-2", **ROW)


@pytest.fixture
def root(admin: User, client_of: Callable[[User], Client]) -> Client:
    """Whoever runs the server."""
    User.objects.filter(pk=admin.pk).update(is_superuser=True)
    return client_of(User.objects.get(pk=admin.pk))


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1{path}", body, content_type="application/json")


def events(kind: str) -> list[tuple[str, Any]]:
    """Return what the audit log says, the oldest first: verb and the version before and after."""
    rows = AuditEvent.objects.filter(verb__startswith=kind).order_by("pk")
    return [(row.verb, row.changes.get("version") or row.changes.get("model_version")) for row in rows]


def test_a_newer_version_is_no_default_until_somebody_says_so(model: ModelVersion, settings: Any) -> None:
    newer = ModelVersion.objects.create(name=TINY_MODEL, version=f"{TINY_MODEL}-9", **ROW)
    sync_model(TINY_MODEL)
    assert newer_than_default() == newer
    assert newer.created_at > model.created_at
    assert default_model_version() == model
    settings.DEFAULT_MODEL = "sam_lite"
    assert default_model_version() == model, "the setting is for a server that has none yet"


def test_a_server_admin_changes_the_default_and_takes_it_back(
    model: ModelVersion, other: ModelVersion, root: Client, annotator: User, client_of: Any
) -> None:
    assert post(client_of(annotator), "/default-model", model_version="vit-2").status_code == 403
    answer = post(root, "/default-model", model_version="vit-2").json()
    assert (answer["model_version"], answer["before"]) == ("vit-2", model.version)
    assert post(root, "/default-model", model_version="vit-2").json()["before"] == model.version, "chosen twice is once"
    answer = post(root, "/default-model/take-back").json()
    assert (answer["model_version"], answer["before"]) == (model.version, None)
    assert default_model_version() == model
    again = post(root, "/default-model/take-back")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_take_back")
    assert post(root, "/default-model", model_version="nowhere").json()["code"] == "no_such_model"
    there, back = [None, model.version], [model.version, "vit-2"]
    assert events("model.") == [("model.default", there), ("model.default", back), ("model.default_back", back[::-1])]


def test_the_command_does_the_same(model: ModelVersion, other: ModelVersion) -> None:
    said = StringIO()
    call_command("set_default_model", "vit", stdout=said)  # a model's name: its latest version
    assert said.getvalue() == f"vit-2 is the default model; before: {model.version}\n"
    call_command("set_default_model", "--back", stdout=said)
    assert default_model_version() == model
    for wrong in (["nowhere"], ["--back"], []):
        with pytest.raises(CommandError):
            call_command("set_default_model", *wrong)
    assert find_version(TINY_MODEL) == model


def test_a_project_keeps_to_a_version_or_follows_and_goes_back(
    project: Project, model: ModelVersion, other: ModelVersion, admin: User, outsider: User, client_of: Any
) -> None:
    url, client = f"/projects/{project.pk}/model-version", client_of(admin)
    assert client.get(f"/api/v1{url}").json()["in_force"] == model.version
    assert post(client, f"{url}/take-back").json()["code"] == "nothing_to_take_back"
    for label in ("vit-2", model.version, None):
        assert post(client, url, model_version=label).json()["model_version"] == label
    assert post(client_of(outsider), f"{url}/take-back").status_code == 404
    back = [post(client, f"{url}/take-back").json() for _ in range(3)]
    assert [row["model_version"] for row in back] == [model.version, "vit-2", None]
    assert [row["can_take_back"] for row in back] == [True, True, False]
    assert [row["before"] for row in back] == ["vit-2", None, None]
    assert post(client, f"{url}/take-back").status_code == 409
    assert events("project.model_back") == [
        ("project.model_back", [None, model.version]),
        ("project.model_back", [model.version, "vit-2"]),
        ("project.model_back", ["vit-2", None]),
    ]


def test_a_change_of_settings_that_keeps_the_model_is_no_choice(project: Project, model: ModelVersion) -> None:
    from annotator.projects.commands import ModelPin, ProjectChanges
    from annotator.projects.services import update_project

    for _ in range(2):
        update_project(project, ProjectChanges(pin=ModelPin(model.version)))
    assert project.model_choices.count() == 1


def test_both_licences_are_told_and_a_stranger_s_weights_claim_none(
    model: ModelVersion, settings: Any, tmp_path: Any
) -> None:
    import torch

    from sam_core.registry import build_model

    file = tmp_path / "mine.pt"
    torch.save({"model": build_model(TINY_MODEL).state_dict(), "version": "mine-1"}, file)
    own, is_new = sync_model(TINY_MODEL, checkpoint=str(file))
    assert is_new
    assert (own.weights_licence, own.data_licence, own.training) == ("", "", "none")
    assert model.weights_licence == "Apache-2.0"
    assert model.data_licence != ""
    assert own.number != model.number
    file.unlink()
    card = read_card(settings.MODELS_DIR / own.version)
    assert keep_row(card).pk == own.pk, "what was noted stays when the file has gone"


def test_the_closest_version_that_is_ready_answers_and_a_page_keeps_to_its_own(
    model: ModelVersion, other: ModelVersion
) -> None:
    rows = {name: ModelVersion.objects.create(name="vit", version=name, **ROW) for name in ("vit-4", "vit-7", "vit-9")}
    rows |= {"vit-2": other, model.version: model}

    def ready(*names: str) -> None:
        ImageEmbedding.objects.all().delete()
        for name in names:
            ImageEmbedding.objects.create(sha256="a" * 64, model_version=rows[name], status="ready")

    def answers(chosen: str, *names: str) -> str:
        ready(*names)
        found = usable_embedding("a" * 64, rows[chosen])
        return found.model_version.version if found else ""

    assert answers("vit-9", "vit-9", "vit-7", model.version) == "vit-9"
    assert answers("vit-9", "vit-2", "vit-7", "vit-4", model.version) == "vit-7"  # the latest of the same model
    assert answers("vit-9", model.version) == model.version
    assert answers("vit-9") == ""
    ready("vit-9", "vit-7")
    assert version_for_page("a" * 64, rows["vit-9"], "vit-7") == rows["vit-7"]
    assert version_for_page("a" * 64, rows["vit-9"], "") == rows["vit-9"]
    assert version_for_page("a" * 64, rows["vit-9"], "vit-2") is None


def test_crops_and_the_server_s_answers_are_of_the_version_that_a_page_works_with(
    project: Project, model: ModelVersion, other: ModelVersion, add_photo: Any, annotator: User, client_of: Any
) -> None:
    image, client = add_photo(), client_of(annotator)
    model.embeddings.create(sha256=image.picture, status="ready", file="embeddings/a.npy")
    Project.objects.filter(pk=project.pk).update(model_version=other)
    crop = {"crop_box_xyxy": [0, 0, 40, 40]}

    def version_of(**body: Any) -> str:
        answer = post(client, f"/images/{image.pk}/crop-embeddings", **crop, **body)
        said: dict[str, str] = answer.json()
        return said.get("code") or said["key"].split("-", 1)[1].removesuffix("-0_0_40_40-f16")

    assert version_of() == model.version, "the chosen one has no embedding yet"
    other.embeddings.create(sha256=image.picture, status="ready", file="embeddings/b.npy")
    assert version_of(model_version=model.version) == model.version, "a page that was opened before goes on as it began"
    assert version_of() == "vit-2"
    assert version_of(model_version="nowhere") == "embedding_not_ready"
    decode = {"points": [{"x": 1, "y": 1, "label": 1}], "model_version": "nowhere"}
    assert post(client, f"/images/{image.pk}/decode", **decode).json()["code"] == "embedding_not_ready"
