"""Embeddings of versions that nobody works with any more: what they take, and the job that clears them.

Nothing is cleared of the default, of a version that a project keeps to (in the bin or the archive as well), or of one
that was left less than ROLL_BACK_DAYS ago: a change that is taken back finds its embeddings. Of the others those of
photos stay that no version in use has embedded yet: people may be working with them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.errors import ConflictError
from annotator.inference.crop_names import FULL
from annotator.inference.embedding_removal import ENDED, remove_embedding
from annotator.inference.models import DefaultDecision, EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import ModelChoice, Project

KIND = "clear_embeddings"  # of the job
AT_ONCE = 100


class Use(StrEnum):
    """Why a version's embeddings stay."""

    DEFAULT = "default"
    PINNED = "pinned"
    LEFT_LATELY = "left_lately"


@dataclass(frozen=True, kw_only=True)
class Space:
    """What the embeddings of a version take, and what of it may be cleared; `kept_until` is of Use.LEFT_LATELY."""

    version: ModelVersion
    embeddings: int
    byte_size: int
    use: Use | None
    kept_until: datetime | None
    clearable: int = 0
    clearable_bytes: int = 0


def describe_space() -> list[Space]:
    """Return what each version's embeddings take, newest version first."""
    uses, left = versions_in_use(), left_at()
    sums = _sums(ImageEmbedding.objects.all())
    spaces = []
    for row in ModelVersion.objects.all():
        use, (count, byte_size) = uses.get(row.pk), sums.get(row.pk, (0, 0))
        own = (0, 0) if use else _sums(_clearable(row, uses)).get(row.pk, (0, 0))
        until = left[row.pk] + timedelta(days=settings.ROLL_BACK_DAYS) if use == Use.LEFT_LATELY else None
        spaces.append(
            Space(
                version=row, embeddings=count, byte_size=byte_size, use=use, kept_until=until,
                clearable=own[0], clearable_bytes=own[1],
            )
        )  # fmt: skip
    return spaces


def versions_in_use() -> dict[int, Use]:
    """Return the ids of the versions whose embeddings stay, and why."""
    since = timezone.now() - timedelta(days=settings.ROLL_BACK_DAYS)
    uses = {pk: Use.LEFT_LATELY for pk, at in left_at().items() if at > since}
    pinned = Project.objects.exclude(model_version=None).order_by().values_list("model_version", flat=True)
    uses |= dict.fromkeys((pk for pk in pinned.distinct() if pk is not None), Use.PINNED)
    default = default_model_version()
    return uses if default is None else uses | {default.pk: Use.DEFAULT}


def left_at() -> dict[int, datetime]:
    """Return when the default, or the latest project, went from each version to another."""
    left = _default_left_at()
    for version, moment in (("before", "chosen_at"), ("after", "taken_back_at")):
        rows = ModelChoice.objects.exclude(**{version: None}).order_by().values_list(version)
        for pk, at in rows.annotate(at=Max(moment)):
            if at is not None:
                left[pk] = max(left.get(pk, at), at)
    return left


def _default_left_at() -> dict[int, datetime]:
    """Go through all decisions about the default, the earliest first: each has a moment, and one that it was undone."""
    decisions = list(DefaultDecision.objects.order_by("pk"))
    made = [(row.decided_at, row, True) for row in decisions]
    undone = [(row.taken_back_at, row, False) for row in decisions if row.taken_back_at is not None]
    standing: list[DefaultDecision] = []
    left: dict[int, datetime] = {}
    for at, row, is_made in sorted(made + undone, key=lambda event: event[0]):
        before = standing[-1].version_id if standing else None
        standing = [*standing, row] if is_made else [one for one in standing if one.pk != row.pk]
        after = standing[-1].version_id if standing else None
        if before is not None and before != after:
            left[before] = at
    return left


def clearable_of(version: ModelVersion) -> QuerySet[ImageEmbedding]:
    """Return the embeddings of a version that may be cleared; raise ConflictError (`in_use`) where its stay."""
    uses = versions_in_use()
    if version.pk in uses:
        words = _("The embeddings of %(version)s stay: the version is in use, or was in use a short while ago.")
        raise ConflictError(words % {"version": version.version}, code="in_use", extra={"use": uses[version.pk]})
    return _clearable(version, uses)


def clear_version(job: Job) -> None:
    """Do the job; it ends where somebody came to use the version meanwhile."""
    version = ModelVersion.objects.get(version=job.params["version"])
    job.report = {"embeddings": 0, "bytes": 0, **job.report}
    job.total = job.done + clearable_of(version).count()
    if jobs.run_steps(job, _steps(job, version), count_done=lambda: int(job.report["embeddings"])):
        job.total = job.done
        jobs.finish_job(job, report=job.report)


def clear_some(version: ModelVersion) -> tuple[int, int]:
    """Clear some embeddings of a version; return how many, and their bytes. Raise ConflictError as clearable_of does.

    (0, 0) means that nothing is left; what somebody asked for at this moment stays.
    """
    rows = clearable_of(version).order_by("pk")[:AT_ONCE]
    removed = [row.byte_size for row in list(rows) if remove_embedding(row)]
    return len(removed), sum(removed)


def _steps(job: Job, version: ModelVersion) -> Iterator[Callable[[], None]]:
    before = -1
    while job.report["embeddings"] != before:
        before = job.report["embeddings"]
        yield partial(_clear, job, version)


def _clear(job: Job, version: ModelVersion) -> None:
    count, byte_size = clear_some(version)
    job.report = {"embeddings": job.report["embeddings"] + count, "bytes": job.report["bytes"] + byte_size}


def _clearable(version: ModelVersion, uses: Mapping[int, Use]) -> QuerySet[ImageEmbedding]:
    usable = Q(model_version__in=list(uses), crop_box=FULL, status=EmbeddingStatus.READY)
    others = ImageEmbedding.objects.filter(usable, sha256=OuterRef("sha256"))
    return ImageEmbedding.objects.filter(Exists(others), model_version=version, status__in=ENDED)


def _sums(rows: QuerySet[ImageEmbedding]) -> dict[int, tuple[int, int]]:
    sums = rows.order_by().values_list("model_version").annotate(count=Count("pk"), bytes=Sum("byte_size"))
    return {pk: (count, byte_size) for pk, count, byte_size in sums}
