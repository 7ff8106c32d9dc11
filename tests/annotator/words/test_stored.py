"""What a worker noted in English is said in the reader's language, with the values that it holds."""

import pytest
from django.test import Client
from django.utils import translation

from annotator.accounts.models import User
from annotator.images.models import Image, ImageStatus
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.words.stored import say


@pytest.mark.parametrize(
    ("stored", "korean"),
    [
        ("", ""),
        ("The image has no pixels.", "이미지에 픽셀이 없습니다."),
        ("The file has more than 512 MB.", "파일이 512 MB보다 큽니다."),
        ("street.jpg is larger than 3 MB.", "street.jpg이(가) 3 MB보다 큽니다."),
        (
            "Its image is not taken: the photo was refused: The image has no pixels..",
            "이미지를 받지 않았습니다: 사진이 거절되었습니다: 이미지에 픽셀이 없습니다..",
        ),
        (
            "Its image is not taken: b.png is 60 x 40 upright, the file says 99 x 40.",
            "이미지를 받지 않았습니다: b.png은(는) 바로 세웠을 때 60 x 40인데 파일에는 99 x 40(으)로 되어 있습니다.",
        ),
        ("no photo is day1/b.png", "day1/b.png이라는 사진이 없습니다"),
        ("The file is cut off: it ends where more should come (near character 17).",
         "파일이 잘렸습니다. 더 있어야 할 곳에서 끝납니다 (17번째 글자 부근)."),
        ("The image has no pixels. The file has more than 5 MB.", "이미지에 픽셀이 없습니다. 파일이 5 MB보다 큽니다."),
        ("Nobody ever wrote this sentence.", "Nobody ever wrote this sentence."),
        ("ValueError: 3 of 7", "ValueError: 3 of 7"),
    ],
)  # fmt: skip
def test_stored_sentences_are_said_in_korean(stored: str, korean: str) -> None:
    with translation.override("ko"):
        assert say(stored) == korean
    with translation.override("en"):
        assert say(stored) == stored


def test_a_failed_job_and_a_damaged_photo_tell_everybody_why(project: Project, admin: User) -> None:
    job = Job.objects.create(project=project, kind="export", status="failed", error="The file is empty.")
    Image.objects.create(
        project=project, name="x.jpg", sha256="0" * 64, width=1, height=1, byte_size=1,
        status=ImageStatus.FAILED, error="The photo's file is missing.",
    )  # fmt: skip
    client = Client()
    client.force_login(admin)
    assert client.get(f"/api/v1/jobs/{job.pk}").json()["error"] == "The file is empty."
    client.post("/look/", {"language": "zh-hant"})
    assert client.get(f"/api/v1/jobs/{job.pk}").json()["error"] == "檔案是空的。"
    assert "相片檔案遺失。" in client.get(f"/projects/{project.pk}/").content.decode()
    job.refresh_from_db()
    assert job.error == "The file is empty."
