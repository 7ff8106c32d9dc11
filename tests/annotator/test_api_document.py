"""The script of docs/api.md does what it says, as it stands there."""

import io
import re
import sys
import urllib.request
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import ApiToken, User
from annotator.annotations.models import Annotation
from annotator.images.services import add_photo
from annotator.launcher.options import ROOT
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
(SCRIPT,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)


def test_a_script_writes_a_mask(
    project: Project, admin: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = add_photo(project, io.BytesIO(jpeg(451, 300)), name="one.jpg", user=admin).image
    _, token = ApiToken.issue(admin, name="script")

    def send(request: urllib.request.Request) -> Any:
        path = request.full_url.removeprefix("http://server")
        headers = {"Authorization": request.headers["Authorization"]}
        answer = Client().post(path, request.data, content_type=request.headers["Content-type"], headers=headers)
        assert answer.status_code == 200, answer.content
        return io.BytesIO(answer.content)

    monkeypatch.setattr(urllib.request, "urlopen", send)
    monkeypatch.setattr(sys, "argv", ["script", "http://server", token, str(image.pk)])
    exec(compile(SCRIPT, "docs/api.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == "applied\n"
    assert Annotation.objects.get(image=image).area == 100 * 150
