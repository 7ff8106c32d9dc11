"""The sample of automatic masks that people correct."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision, Source
from annotator.automatic import corrections
from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project, Stage
from annotator.queue import next_image, review
from tests.annotator.automatic.automatic_steps import of, take_everything

ClientOf = Callable[[User], Client]


@pytest.fixture
def project(project: Project, model: ModelVersion) -> Project:
    return take_everything(project)


class TestCorrections:
    @pytest.fixture
    def automatic(self, project: Project, add_image: Any, add_mask: Any) -> Image:
        image: Image = add_image()
        made = MaskRun.objects.create(image=image, kind=RunKind.AUTOMATIC, digest="d", status=RunStatus.DONE)
        for place in range(4):
            box = (place * 12, 2, 10, 10)
            row = add_mask(image, box, source=Source.AUTOMATIC, stage=Stage.FULLY_AUTOMATIC)
            AnnotationRevision.objects.create(
                annotation=row, revision=1, op_id=uuid.uuid4(), action="create", snapshot={"counts": row.counts}
            )
        Project.objects.filter(pk=project.pk).update(stage=Stage.FULLY_AUTOMATIC)
        assert made.pk
        return image

    def test_only_sampled_images_reach_people_and_their_changes_are_measured(
        self, project: Project, automatic: Image, annotator: User, add_image: Any, add_mask: Any, counts_of: Any
    ) -> None:
        project.refresh_from_db()
        add_image()
        assert next_image.take_next_image(project, annotator) is None
        corrections.draw_sample(project, size=5)
        lease = next_image.take_next_image(project, annotator)
        assert lease is not None
        assert lease.image_id == automatic.pk
        same, slightly, much, gone = Annotation.objects.filter(image=automatic).order_by("bbox_x")
        assert same.counts
        # 10 x 10 against 9 x 10: IoU 0.9, which is not above 90 %; against 8 x 10: 0.8, then one removed, one added.
        Annotation.objects.filter(pk=slightly.pk).update(counts=counts_of(automatic, 12, 2, 9, 10))
        Annotation.objects.filter(pk=much.pk).update(counts=counts_of(automatic, 24, 2, 8, 10))
        Annotation.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
        add_mask(automatic, (50, 20, 3, 3))
        review.submit_image(of(automatic), annotator)
        figures = corrections.correction_figures(project)
        assert (figures["pairs"], figures["removed"], figures["added"]) == (3, 1, 1)
        assert (figures["over_90"], figures["over_75"]) == (1, 3)
        assert figures["share_over_75"] == pytest.approx(1.0)
        assert figures["share_over_75_with_removed"] == pytest.approx(3 / 4)
        assert (figures["paper_share_over_90"], figures["paper_share_over_75"]) == (0.94, 0.97)
        assert figures["images_measured"] == figures["images_sampled"] == 1

    def test_the_endpoint(
        self, project: Project, automatic: Image, admin: User, annotator: User, outsider: User, client_of: ClientOf
    ) -> None:
        url = f"/api/v1/projects/{project.pk}/corrections"
        body = {"size": 3}
        for client, status in ((Client(), 401), (client_of(outsider), 404), (client_of(annotator), 403)):
            assert client.post(url, body, content_type="application/json").status_code == status
            assert client.get(url).status_code == status
        client = client_of(admin)
        assert client.post(url, {"size": 0}, content_type="application/json").status_code == 422
        answer = client.post(url, body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (201, {"count": 1})
        again = client.post(url, body, content_type="application/json")
        assert (again.status_code, again.json()["code"]) == (422, "nothing_to_sample")
        assert client.get(url).json()["images_sampled"] == 1
        assert client.put(url).status_code == 405
