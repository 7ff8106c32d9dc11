"""Install a model: get its weights, export and check them, keep everything in the storage. All of it or nothing.

Whatever breaks off leaves what was downloaded, for the next try to go on with, and no version. Must not know: jobs,
pages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotator import model_gateway, sam_gateway
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import AppError, ConflictError, InvalidError
from annotator.full_disk import free_bytes, is_disk_full
from annotator.inference.model_store import DamagedFileError, fetch_blob, hold
from annotator.inference.model_sync import sync_model
from annotator.inference.models import ModelVersion

DOWNLOADS = ".downloads"
DOWNLOAD = "download"
PHASES = (DOWNLOAD, *model_gateway.STEPS)
# Weights in the downloads and in the model's folder, the graphs made of them, and both once more in the storage.
SPACE_PER_BYTE = 4
Tell = Callable[[str, int, int], None]  # the phase, how much of it is done, of how much; may raise to stop


class NoSpaceError(AppError):
    """The disk would be full before the model is installed."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "disk_full"


@dataclass(frozen=True, kw_only=True)
class InstallOrder:
    """What to install, and where its weights come from: by default from where they were published, if not shipped.

    `file` is a path of this machine, `mirror` an address, `upload` the digest of a file in the storage. `sha256` is of
    weights at the mirror that are not the official ones.
    """

    name: str
    file: str = ""
    mirror: str = ""
    sha256: str = ""
    upload: str = ""
    upload_bytes: int = 0


def install_model(order: InstallOrder, *, tell: Tell) -> tuple[ModelVersion, bool]:
    """Return the version and whether it is new; raise an AppError that says what to do."""
    check_order(order)
    try:
        with hold(f"installing-{order.name}", is_waiting=False):
            return _install(order, tell)
    except BlockingIOError as error:
        words = _("%(name)s is being installed on this machine already: wait until that has ended.")
        raise ConflictError(words % {"name": order.name}, code="installing") from error
    except Exception as error:
        if is_disk_full(error):
            words = _("The disk is full. What has come is kept: free some space, then try again.")
            raise NoSpaceError(words) from error
        raise


def check_order(order: InstallOrder) -> model_gateway.InstallableModel:
    """Return the model of an order; raise InvalidError for one that cannot be done."""
    try:
        model = model_gateway.find_model(order.name)
    except sam_gateway.ModelMissingError as error:
        raise InvalidError(str(error), code="no_such_model") from error
    if order.mirror and not order.mirror.startswith(("https://", "http://")):
        raise InvalidError(_("Give an address that begins with https:// or http://."), code="bad_address")
    if order.sha256 and not model_gateway.is_digest(order.sha256):
        raise InvalidError(_("A SHA-256 has 64 digits and letters from a to f."), code="bad_digest")
    if not (order.file or order.upload or order.sha256 or model.url or (model.has_own_weights and not order.mirror)):
        words = _("No checksum of %(name)s is known here: give the SHA-256 of the file as well, or install a file.")
        raise InvalidError(words % {"name": order.name}, code="no_digest")
    return model


def _install(order: InstallOrder, tell: Tell) -> tuple[ModelVersion, bool]:
    """Get the weights and make a version of them. A file that was downloaded goes when it was used, or is useless."""
    weights, is_ours = _get_weights(order, tell)
    try:
        row, is_new = sync_model(order.name, checkpoint=None if weights is None else str(weights), on_step=_steps(tell))
    except model_gateway.ExportRefusedError as error:
        words = _("%(name)s could not be exported: %(reason)s. Nothing was installed; tell the makers of Maskwright.")
        raise InvalidError(words % {"name": order.name, "reason": error}, code="not_exported") from error
    except sam_gateway.ModelMissingError as error:
        _drop(weights, is_ours=is_ours)
        words = _("These weights cannot be used: %(reason)s. Nothing was installed; choose another file.")
        raise InvalidError(words % {"reason": error}, code="bad_weights") from error
    _drop(weights, is_ours=is_ours)
    if is_new:
        told = {"licence": row.weights_licence, "from": _origin(order)}
        record_event(Verb.MODEL_INSTALLED, row, name=row.version, after=told)
    return row, is_new


def _drop(weights: Path | None, *, is_ours: bool) -> None:
    if weights is not None and is_ours:
        weights.unlink(missing_ok=True)


def _get_weights(order: InstallOrder, tell: Tell) -> tuple[Path | None, bool]:
    """Return the weight file, None where it is shipped, and whether it is a copy of ours that goes afterwards."""
    if order.file:
        path = Path(order.file)
        if not path.is_file():
            raise InvalidError(_("There is no file %(path)s.") % {"path": path}, code="no_such_file")
        return path, False
    if order.upload:
        return _take_upload(order), True
    if not order.mirror and model_gateway.find_model(order.name).has_own_weights:
        return None, False
    return _download(order, tell), True


def _take_upload(order: InstallOrder) -> Path:
    path = downloads() / f"{order.upload}.pt"
    try:
        fetch_blob({"name": path.name, "bytes": order.upload_bytes, "sha256": order.upload}, path)
    except (FileNotFoundError, DamagedFileError) as error:
        raise InvalidError(_("The uploaded file is gone: upload it again."), code="no_upload") from error
    return path


def _download(order: InstallOrder, tell: Tell) -> Path:
    _check_space(model_gateway.find_model(order.name).byte_size)
    try:
        return model_gateway.fetch_weights(
            order.name,
            downloads(),
            mirror=order.mirror,
            sha256=order.sha256,
            on_progress=lambda done, total: tell(DOWNLOAD, done, total),
        )
    except model_gateway.DownloadError as error:
        words = _("The download stopped: %(reason)s. What has come is kept: try again, or name another address.")
        raise InvalidError(words % {"reason": error}, code="download_stopped") from error
    except sam_gateway.ModelMissingError as error:
        words = _("What came is not the file that was asked for: %(reason)s. Nothing was installed; check the address.")
        raise InvalidError(words % {"reason": error}, code="wrong_file") from error


def _check_space(byte_size: int) -> None:
    free, needed = free_bytes(downloads()), byte_size * SPACE_PER_BYTE + settings.MIN_FREE_BYTES
    if free < needed:
        words = _("Too little space: %(needed)s MB are needed and %(free)s MB are free. Free some, then try again.")
        raise NoSpaceError(words % {"needed": f"{needed >> 20:,}", "free": f"{free >> 20:,}"})


def downloads() -> Path:
    """Return this machine's folder of downloads and their parts."""
    folder = Path(settings.MODELS_DIR) / DOWNLOADS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _steps(tell: Tell) -> Callable[[str], None]:
    def on_step(step: str) -> None:
        tell(step, 0, 1)

    return on_step


def _origin(order: InstallOrder) -> str:
    if order.file or order.upload:
        return "a file"
    return order.mirror or "where it was published"
