"""The scripts of docs/export.md do what they say, as they stand there."""

import io
import re
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest
from django.core.management import call_command
from django.test import Client

from annotator.accounts.models import ApiToken, User
from annotator.inference.default_model import set_default
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.projects.models import Project
from tests.annotator.conftest import body_of
from tests.annotator.exchange.fixture_types import AddMask, Export, MakePhoto

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # scripts leave closing to the end of the process
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCRIPTS = re.findall(r"```python\n(.*?)```", Path("docs/export.md").read_text(encoding="utf-8"), re.S)


def photos_zip(path: Path, make_photo: MakePhoto, other: Project) -> None:
    from annotator.photos import store

    image = make_photo(other, (60, 40))
    with zipfile.ZipFile(path, "w") as archive, store.open_part(image.sha256, store.ORIGINAL) as file:
        archive.writestr("one.jpg", file.read())


def test_upload_wait_and_export(
    project: Project,
    admin: User,
    make_photo: MakePhoto,
    other: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    version = ModelVersion.objects.create(name="m", version="v1", image_size=64, embed_dim=8, weights_sha256="0" * 64)
    set_default("v1")
    photos_zip(tmp_path / "photos.zip", make_photo, other)
    _, token = ApiToken.issue(admin, name="script")

    def send(request: Request) -> io.BytesIO:
        headers = {"Authorization": request.headers["Authorization"]}
        path = request.full_url.removeprefix("http://server")
        kind = request.headers["Content-type"]
        client = Client()
        if request.data is None:
            answer = client.get(path, headers=headers)
        else:
            answer = client.post(path, request.data, content_type=kind, headers=headers)
        assert answer.status_code < 300, answer.content
        return io.BytesIO(body_of(answer))

    def work(_seconds: float) -> None:
        ImageEmbedding.objects.filter(model_version=version).update(status=EmbeddingStatus.READY)
        call_command(
            "db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0
        )

    monkeypatch.setattr(urllib.request, "urlopen", send)
    monkeypatch.setattr(time, "sleep", work)
    monkeypatch.setattr(sys, "argv", ["script", "http://server", token, str(project.pk), "photos.zip"])
    exec(compile(SCRIPTS[0], "docs/export.md", "exec"), {})  # noqa: S102
    with zipfile.ZipFile("export.zip") as archive:
        assert sorted(archive.namelist()) == ["annotations/instances.json", "images/one.jpg"]


def test_a_torch_data_set_straight_from_an_export(
    project: Project,
    make_photo: MakePhoto,
    add_mask: AddMask,
    export: Export,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import numpy as np

    from annotator.projects.models import Label

    image = make_photo(project, (60, 40))
    pixels = np.eye(40, 60, dtype=bool)
    add_mask(image, pixels, label=Label.objects.get(project=project))
    path = export(project, images="copy").files[0]
    monkeypatch.setattr(sys, "argv", ["train.py", str(path)])
    names: dict[str, Any] = {}
    exec(compile(SCRIPTS[1], "docs/export.md", "exec"), names)  # noqa: S102
    data = names["data"]
    photo, mask, category = data[0]
    assert len(data) == 1
    assert tuple(photo.shape) == (3, 40, 60)
    assert np.array_equal(mask.numpy() > 0, pixels)
    assert category == 1
    assert 0 < float(capsys.readouterr().out.split()[-1]) < 10
    data.zip.close()
