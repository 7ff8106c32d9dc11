"""Held out photos: a fifth by their content, the same ones in every later version, never on both sides."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.training import snapshots
from annotator.training.models import DatasetVersion, SplitPhoto
from annotator.training.snapshot_split import Photo, Split
from annotator.training.snapshots import DatasetFilters
from tests.annotator.training.conftest import Finish, lines_of

pytestmark = pytest.mark.django_db
ALL = DatasetFilters()


def freeze(project: Project, **filters: Any) -> DatasetVersion:
    return snapshots.freeze(project, filters=DatasetFilters(**filters), user=None)


def sides(version: DatasetVersion) -> dict[str, bool]:
    return {line["image"]["sha256"]: line["image"]["held_out"] for line in lines_of(version)}


def sha(start: str) -> str:
    return start.ljust(64, "5")


def test_about_a_fifth_is_held_out(project: Project, finish: Finish) -> None:
    for _ in range(200):
        finish()
    version = freeze(project)
    assert 20 <= version.held_out_images <= 62  # 40 on average; further off once in 30,000 runs
    assert sides(version) == {name: name < "33333333" for name in sides(version)}


def test_a_photo_stays_on_its_side_for_good(project: Project, finish: Finish) -> None:
    for start in ("e1", "e2"):  # both would be trained on: the lowest is held out
        finish(sha256=sha(start), name=start)
    first = freeze(project)
    assert sides(first) == {sha("e1"): True, sha("e2"): False}
    snapshots.delete_version(first)
    Image.objects.get(sha256=sha("e1")).delete()
    for start in ("e1", "01", "e0"):
        finish(sha256=sha(start), name=start)
    assert sides(freeze(project)) == {sha("e1"): True, sha("e2"): False, sha("01"): True, sha("e0"): False}


@pytest.mark.parametrize(
    ("starts", "held_out"),
    [
        (["e1"], []),
        (["01"], []),
        (["e1", "e2"], ["e1"]),
        (["01", "02"], ["02"]),
        (["e1", "e1"], []),
        (["01", "01"], []),
        (["01", "e1"], ["01"]),
    ],
)
def test_of_two_photos_each_side_has_one(
    starts: list[str], held_out: list[str], project: Project, finish: Finish
) -> None:
    for start in starts:
        finish(2, sha256=sha(start))
    counted = snapshots.count(project, ALL)
    version = freeze(project)
    assert [start for start in dict.fromkeys(starts) if sides(version)[sha(start)]] == held_out
    assert (counted.held_out_images, counted.held_out_masks) == (version.held_out_images, version.held_out_masks)
    assert (counted.trained_images, counted.images) == (version.trained_images, version.images)


def test_what_people_marked_for_validation_or_test_is_never_trained_on(project: Project, finish: Finish) -> None:
    finish(sha256=sha("e1"), split="test")
    finish(sha256=sha("e2"), split="val")
    only = freeze(project)
    assert (only.trained_images, only.held_out_images) == (0, 2)
    finish(sha256=sha("e3"), split="train")
    assert sides(freeze(project)) == {sha("e1"): True, sha("e2"): True, sha("e3"): False}


def test_where_all_was_trained_on_before_nothing_can_be_held_out(project: Project, finish: Finish, label: Any) -> None:
    for start, mask in (("e1", None), ("e2", label), ("e3", label)):
        finish(sha256=sha(start), mask={"label": mask})
    assert sides(freeze(project))[sha("e1")] is True
    again = freeze(project, labels=[label.pk])
    assert (again.trained_images, again.held_out_images) == (2, 0)


def test_counting_decides_nothing(project: Project, finish: Finish) -> None:
    for start in ("e1", "e2"):
        finish(sha256=sha(start))
    assert snapshots.count(project, ALL).held_out_images == 1
    assert not SplitPhoto.objects.exists()


def test_projects_do_not_share_their_split(project: Project, finish: Finish) -> None:
    other = Project.objects.create(name="Other")
    for start in ("e1", "e2"):
        finish(sha256=sha(start))
    freeze(project)
    for start in ("e0", "e1"):
        finish(sha256=sha(start), of=other)
    assert sides(freeze(other)) == {sha("e0"): True, sha("e1"): False}


def test_of_two_freezes_at_once_the_first_word_counts(project: Project) -> None:
    """The other one writes between this one's look and its writing, which is when it hurts most."""
    photos = [Photo(sha(start)) for start in ("e1", "e2", "e3")]

    def while_the_other_writes(act: Callable[[], object]) -> Callable[[], Iterable[Photo]]:
        looks: list[int] = []

        def look() -> Iterator[Photo]:
            yield from photos
            looks.append(1)
            if len(looks) == 1:
                act()

        return look

    others = [Photo(sha("e1")), Photo(sha("d1"))]
    Split(project).decide(while_the_other_writes(lambda: Split(project).decide(lambda: others)))
    decided = dict(SplitPhoto.objects.values_list("sha256", "is_held_out"))
    # The other held out d1 and trains on e1, which this one had wanted to hold out.
    assert decided == {sha("d1"): True, sha("e1"): False, sha("e2"): True, sha("e3"): False}
