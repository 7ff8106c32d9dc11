"""Tiles are encoded after the whole photo, behind all whole photos, and within bounds."""

from typing import Any

import pytest
from django_tasks_db.models import DBTaskResult

from annotator.background.reconcile import reconcile_missing
from annotator.images.models import Image
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.inference.signals import embedding_changed
from annotator.inference.tiles import request_tiles, tiles_of
from tests.annotator.conftest import Api

POLICY = {"policy": {"uses_crops": True}}


@pytest.fixture
def tiling(model: ModelVersion) -> ModelVersion:
    """The tests' model, as if its policy used crops."""
    model.manifest |= POLICY
    model.save(update_fields=["manifest"])
    return model


def waiting_tiles() -> list[str]:
    return sorted(ImageEmbedding.objects.exclude(crop_box="full").values_list("crop_box", flat=True))


def test_tiles_follow_the_whole_photo_and_queue_behind_every_other_one(photo: Image, tiling: ModelVersion) -> None:
    row = request_embedding(photo.picture, tiling)
    assert waiting_tiles() == []
    assert compute_embedding(row.pk) == EmbeddingStatus.READY
    names = ["_".join(map(str, box)) for box in tiles_of((photo.height, photo.width), tiling)]
    assert len(names) == 4
    assert waiting_tiles() == sorted(names)
    tasks = DBTaskResult.objects.filter(task_path="annotator.inference.tasks.embed_image")
    by_row = {task.args_kwargs["args"][0]: task.priority for task in tasks}
    tiles = ImageEmbedding.objects.exclude(crop_box="full")
    assert {by_row[tile.pk] for tile in tiles} == {-50}
    assert by_row[row.pk] > -50


def test_a_lost_tile_is_asked_for_again_behind_whole_photos(photo: Image, tiling: ModelVersion) -> None:
    request_tiles(photo.picture, (photo.height, photo.width), tiling)
    DBTaskResult.objects.all().delete()
    ImageEmbedding.objects.update(updated_at="2020-01-01T00:00Z")
    reconcile_missing()
    tasks = DBTaskResult.objects.filter(task_path="annotator.inference.tasks.embed_image")
    waiting = set(ImageEmbedding.objects.exclude(crop_box="full").values_list("pk", flat=True))
    assert {task.priority for task in tasks if task.args_kwargs["args"][0] in waiting} == {-50}


def test_no_tiles_are_made_ahead_beyond_the_crops_that_are_kept(
    photo: Image, tiling: ModelVersion, settings: Any
) -> None:
    settings.CROP_EMBEDDINGS_KEPT = 3
    assert request_tiles(photo.picture, (photo.height, photo.width), tiling) == 0
    settings.CROP_EMBEDDINGS_KEPT = 4
    assert request_tiles(photo.picture, (photo.height, photo.width), tiling) == 4
    assert request_tiles("1" * 64, (photo.height, photo.width), tiling) == 0


def test_a_model_whose_policy_uses_no_crops_has_no_tiles(photo: Image, model: ModelVersion) -> None:
    assert tiles_of((photo.height, photo.width), model) == []
    assert tiles_of((photo.height, photo.width), None) == []


def test_a_ready_tile_asks_for_nothing_more(photo: Image, tiling: ModelVersion) -> None:
    embedding_changed.send(
        ImageEmbedding, sha256=photo.picture, model_version=tiling.version, crop_box="0_0_58_39", status="ready"
    )
    assert waiting_tiles() == []


def test_the_page_is_told_the_tiles_it_may_ask_for(as_annotator: Api, photo: Image, tiling: ModelVersion) -> None:
    tiles = as_annotator.get(f"/images/{photo.pk}").json()["embedding"]["tiles"]
    assert tiles == [list(box) for box in tiles_of((photo.height, photo.width), tiling)]
    for box in tiles:
        answer = as_annotator.post(f"/images/{photo.pk}/crop-embeddings", {"crop_box_xyxy": box})
        assert answer.status_code == 200


@pytest.mark.parametrize("size", [(1, 1), (1, 32), (20, 31), (32, 32)])
def test_all_of_a_tiny_photo_may_be_asked_for_flipped_and_none_of_it_is_a_tile(
    as_annotator: Api, image: Image, tiling: ModelVersion, size: tuple[int, int]
) -> None:
    image.height, image.width = size
    image.save(update_fields=["height", "width"])
    assert as_annotator.get(f"/images/{image.pk}").json()["embedding"]["tiles"] == []
    whole = {"crop_box_xyxy": [0, 0, size[1], size[0]], "is_flipped": True}
    assert as_annotator.post(f"/images/{image.pk}/crop-embeddings", whole).status_code == 200
