"""Accepting and rejecting suggestions: one, many, by a pair of thresholds."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision, Source, State
from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project
from tests.annotator.automatic.automatic_steps import decide, suggestions, take_everything

ClientOf = Callable[[User], Client]


@pytest.fixture
def project(project: Project, model: ModelVersion) -> Project:
    return take_everything(project)


class TestDecisions:
    @pytest.fixture
    def image(self, project: Project, add_image: Any, add_mask: Any) -> Image:
        image: Image = add_image()
        scores = [(0.95, 0.99), (0.95, 0.90), (0.80, 0.99), (0.70, 0.70)]
        for place, (iou, stability) in enumerate(scores):
            add_mask(
                image, (place * 10, 1, 5, 5), state=State.SUGGESTION, source=Source.SUGGESTION, predicted_iou=iou,
                stability_score=stability,
            )  # fmt: skip
        return image

    def test_by_a_pair_of_thresholds(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        answer = decide(
            client_of(annotator), image, "accepted", min_predicted_iou=0.88, min_stability_score=0.95
        )  # fmt: skip
        assert answer.json()["decided"] == 1
        row = Annotation.objects.get(image=image, state=State.ACCEPTED)
        assert (row.predicted_iou, row.author, row.source) == (0.95, annotator, Source.SUGGESTION)
        assert row.decided_at

    def test_all_at_once_and_the_rejected_are_kept(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        assert decide(client_of(annotator), image, "rejected").json()["decided"] == 4
        assert Annotation.objects.filter(image=image, state=State.REJECTED, deleted_at=None).count() == 4
        listed = client_of(annotator).get(f"/api/v1/images/{image.pk}/annotations").json()["annotations"]
        assert listed == []

    def test_one_with_a_label(self, image: Image, label: Any, annotator: User, client_of: ClientOf) -> None:
        chosen = suggestions(image)[1]
        answer = decide(client_of(annotator), image, "accepted", ids=[chosen.pk], label_id=label.pk)
        assert answer.json()["decided"] == 1
        chosen.refresh_from_db()
        assert (chosen.state, chosen.label_id) == (State.ACCEPTED, label.pk)

    def test_sending_it_again_decides_nothing_new(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        op_id = str(uuid.uuid4())
        client = client_of(annotator)
        for expected in (1, 0):
            body = {"op_id": op_id, "state": "accepted", "min_predicted_iou": 0.9, "min_stability_score": 0.95}
            answer = client.post(f"/api/v1/images/{image.pk}/suggestions", body, content_type="application/json")
            assert answer.json()["decided"] == expected
        assert AnnotationRevision.objects.filter(annotation__image=image, action="update").count() == 1

    def test_editing_one_accepts_it_and_keeps_where_it_came_from(
        self, image: Image, annotator: User, client_of: ClientOf, counts_of: Any
    ) -> None:
        chosen = suggestions(image)[0]
        operation = {
            "op_id": str(uuid.uuid4()),
            "type": "update",
            "annotation_id": str(chosen.pk),
            "base_revision": 1,
            "fields": {"counts": counts_of(image, 3, 3, 9, 9)},
        }
        client_of(annotator).post(
            f"/api/v1/images/{image.pk}/operations", {"operations": [operation]}, content_type="application/json"
        )
        chosen.refresh_from_db()
        assert (chosen.state, chosen.source, chosen.author) == (State.ACCEPTED, Source.SUGGESTION, annotator)

    @pytest.mark.parametrize(
        "body", [{}, {"op_id": "x", "state": "accepted"}, {"op_id": str(uuid.uuid4()), "state": "suggestion"}]
    )
    def test_bad_bodies(self, image: Image, annotator: User, client_of: ClientOf, body: dict[str, str]) -> None:
        url = f"/api/v1/images/{image.pk}/suggestions"
        assert client_of(annotator).post(url, body, content_type="application/json").status_code == 422

    def test_a_label_of_another_project(self, image: Image, annotator: User, client_of: ClientOf) -> None:
        answer = decide(client_of(annotator), image, "accepted", label_id=99999)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_such_label")

    def test_who_may_not(self, image: Image, outsider: User, annotator: User, client_of: ClientOf) -> None:
        assert decide(client_of(outsider), image, "accepted").status_code == 404
        assert decide(Client(), image, "accepted").status_code == 401
        assert client_of(annotator).get(f"/api/v1/images/{image.pk}/suggestions").status_code == 405
