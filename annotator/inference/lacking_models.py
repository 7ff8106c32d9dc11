"""Which models this process cannot work with, because their files cannot be had here.

Kept in memory: each process says what it lacks itself, in its log, and a worker in its sign of life as well. After
RETRY_SECONDS one more piece of work is taken, to see whether the files can be had now.
"""

import logging
import time

from annotator.errors import ElsewhereError
from annotator.inference.models import ModelVersion
from annotator.words.stored import say

logger = logging.getLogger(__name__)
RETRY_SECONDS = 60.0
_reasons: dict[str, str] = {}
_tried: dict[str, float] = {}


class ModelAwayError(ElsewhereError):
    """A model's files are not on this machine and cannot be fetched; `queue_name` is that of the model's work."""

    code = "no_model"


def queue_of(version_id: int) -> str:
    """Return the queue of a model version's work."""
    return f"model-{version_id}"


def note(row: ModelVersion, reason: str) -> ModelAwayError:
    """Note what is lacking, in English, in the log once for each reason; return the error to raise."""
    version = row.version
    if _reasons.get(version) != reason:
        logger.error("this process takes no work for a model", extra={"version": version, "reason": reason})
    _reasons[version] = reason
    _tried[version] = time.monotonic()
    return ModelAwayError(say(reason), queue_name=queue_of(row.pk))


def forget(version: str) -> None:
    """Note that a version's files are here."""
    _tried.pop(version, None)
    if _reasons.pop(version, None) is not None:
        logger.info("this process takes work for a model again", extra={"version": version})


def reasons() -> dict[str, str]:
    """Return {version: why its files are not here}."""
    return dict(_reasons)


def refused() -> list[str]:
    """Return the versions that no work is taken for now."""
    return [version for version, tried in list(_tried.items()) if time.monotonic() - tried < RETRY_SECONDS]
