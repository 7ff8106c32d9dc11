"""Dataset versions: freeze, count, read, write out, compare, delete. Access is checked by the caller.

What another room or an improvement may use of them is here; the other snapshot_*.py are its parts.
"""

import hashlib
import itertools
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError, QuerySet, RestrictedError
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, InvalidError, MissingError
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.storable import why_text_unstorable
from annotator.training.models import MAX_NAME_LENGTH, DatasetVersion
from annotator.training.snapshot_compare import Comparison, compare_lines
from annotator.training.snapshot_content import VersionImage, read_lines, unpack
from annotator.training.snapshot_counts import DatasetCounts, count_masks
from annotator.training.snapshot_filters import DatasetFilters, chosen_masks
from annotator.training.snapshot_folder import FolderReport, Progress, write_images
from annotator.training.snapshot_run import FreezeRun

__all__ = [
    "Comparison",
    "DatasetCounts",
    "DatasetFilters",
    "FolderReport",
    "VersionImage",
    "check_order",
    "compare",
    "count",
    "delete_version",
    "file_name",
    "file_version",
    "freeze",
    "open_content",
    "read_images",
    "write_export",
    "write_folder",
]  # fmt: skip
COPY_BYTES = 1 << 20
_TRIES = 20


def count(project: Project, filters: DatasetFilters) -> DatasetCounts:
    """Return what a version made now would hold."""
    return count_masks(project, filters)


def check_order(project: Project, filters: DatasetFilters, *, name: str) -> str:
    """Return the name of a version that may be made; raise InvalidError or ConflictError with what is wrong."""
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidError(_("The name may have %(n)s characters at most.") % {"n": MAX_NAME_LENGTH}, code="long_name")
    if reason := why_text_unstorable(name):
        raise InvalidError(reason, code="bad_name")
    if name and DatasetVersion.objects.filter(project=project, name=name).exists():
        message = _("Another dataset version is called “%(name)s”. Choose another name.") % {"name": name}
        raise ConflictError(message, code="name_taken")
    _require_masks(project, filters)
    return name


def freeze(
    project: Project,
    *,
    filters: DatasetFilters,
    user: User | None,
    name: str = "",
    folder: Path | None = None,
    on_progress: Progress = lambda done, total: None,
) -> DatasetVersion:
    """Freeze the masks that the filters choose and return the version; InvalidError where they choose none.

    From a page, start_freeze (tasks.py) does it as a job. folder: where to work; called again with the same one, a
    freeze that was killed goes on, and one that was done gives the same version. A name that is taken gets a number.
    on_progress(images done, in all) may raise in order to stop.
    """
    with _workplace(folder) as place:
        run = FreezeRun(project, filters, place)
        if not run.plan:
            shutil.rmtree(place)
            _require_masks(project, filters)
        for step in run.steps():
            step()
            on_progress(*run.progress)
        return file_version(run, name=name, user=user)


def file_version(run: FreezeRun, *, name: str, user: User | None, job: Job | None = None) -> DatasetVersion:
    """Put the content of a finished run into the storage and make the version's row; once for each run."""
    if not run.state.masks:
        raise _nothing_fits()
    stored = f"datasets/{run.project.pk}/{run.state.digest}-{run.state.token}.jsonl.gz"
    made = DatasetVersion.objects.filter(project=run.project, file=stored).first()
    if made is not None:
        return made
    with run.content.open("rb") as file:
        default_storage.save(stored, File(file))
    row = DatasetVersion(
        project=run.project, job=job, digest=run.state.digest, byte_size=run.content.stat().st_size, created_by=user,
        images=run.state.trained_images + run.state.held_out_images, masks=run.state.masks,
        trained_images=run.state.trained_images, held_out_images=run.state.held_out_images,
        held_out_masks=run.state.held_out_masks, labels=run.label_shares(), people=run.people_shares(),
        filters=run.filters.model_dump(mode="json", exclude_defaults=True),
    )  # fmt: skip
    row.file.name = stored
    return _save_numbered(row, name or f"{timezone.now():%Y-%m-%d}")


def read_images(version: DatasetVersion) -> Iterator[VersionImage]:
    """Yield the images of a version with their masks, by rising id, one at a time; MissingError without its file."""
    with open_content(version) as file:
        yield from unpack(file)


def write_folder(
    version: DatasetVersion, target: Path, *, on_progress: Progress = lambda done, total: None
) -> FolderReport:
    """Write the version in SA-1B layout with its photos into `target`; what is there already is left as it is.

    on_progress(done, total) is called after each image and may raise in order to stop. The report says how many images
    were left out because their photo is gone or has another size by now.
    """
    return write_images(read_images(version), target, total=version.images, on_progress=on_progress)


def write_export(version: DatasetVersion, stream: IO[bytes]) -> None:
    """Write the content file, byte for byte the same each time; MissingError where it is gone or damaged."""
    digest = hashlib.sha256()
    with open_content(version) as file:
        while data := file.read(COPY_BYTES):
            digest.update(data)
            stream.write(data)
    if digest.hexdigest() != version.digest:
        raise MissingError(_("The file of this dataset version is damaged. Restore it from a backup."))


def file_name(version: DatasetVersion) -> str:
    """Return what the content file is called when it is downloaded: plain letters, project and number."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", version.project.name).strip("-").lower()[:60] or "project"
    return f"{plain}-dataset-{version.number}.jsonl.gz"


def compare(earlier: DatasetVersion, later: DatasetVersion) -> Comparison:
    """Return which masks `later` has more, fewer and otherwise than `earlier`; memory does not grow with them."""
    with open_content(earlier) as before, open_content(later) as after:
        return compare_lines(read_lines(before), read_lines(after))


def delete_version(version: DatasetVersion) -> None:
    """Remove a version and its file; raise ConflictError while an improvement refers to it."""
    name = str(version.file.name)
    try:
        with transaction.atomic():
            told = {"masks": version.masks, "digest": version.digest}
            record_event(Verb.DATASET_DELETED, version, project=version.project, before=told)
            version.delete()
    except (ProtectedError, RestrictedError) as error:
        message = _("A model learned from this dataset version, so it is kept: what the model came from stays known.")
        raise ConflictError(message, code="dataset_in_use") from error
    default_storage.delete(name)


def open_content(version: DatasetVersion) -> IO[bytes]:
    """Open the content file; raise MissingError where it is gone."""
    try:
        return default_storage.open(str(version.file.name), "rb")
    except FileNotFoundError:
        raise MissingError(_("The file of this dataset version is gone. Restore it from a backup.")) from None


def _require_masks(project: Project, filters: DatasetFilters) -> None:
    if chosen_masks(project, filters).exists():
        return
    if not chosen_masks(project, DatasetFilters()).exists():
        message = _(
            "No submitted or reviewed image has an accepted mask yet, so there is nothing to freeze. "
            "Submit an image with masks first."
        )
        raise InvalidError(message, code="no_masks")
    raise _nothing_fits()


def _nothing_fits() -> InvalidError:
    message = _("No accepted mask of a submitted or reviewed image fits these filters. Choose fewer of them.")
    return InvalidError(message, code="nothing_fits")


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    place = Path(settings.DATA_DIR) / "exchange" / f"freeze-{uuid.uuid4().hex}"
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _save_numbered(row: DatasetVersion, name: str) -> DatasetVersion:
    """Save under the next number, and under the name or, where it is taken, the name with a number: “roads (2)”."""
    rows = DatasetVersion.objects.filter(project=row.project)
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                row.name = _free_name(rows, name)
                row.number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
                row.save(force_insert=True)
                told = {"masks": row.masks, "images": row.images, "digest": row.digest}
                record_event(Verb.DATASET_MADE, row, project=row.project, after=told, by=row.created_by)
            return row
        except IntegrityError:  # another version took the number or the name meanwhile
            row.pk = None
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _free_name(rows: QuerySet[DatasetVersion], name: str) -> str:
    for number in itertools.count(1):
        ending = f" ({number})" if number > 1 else ""
        wanted = name[: MAX_NAME_LENGTH - len(ending)] + ending
        if not rows.filter(name=wanted).exists():
            break
    return wanted
