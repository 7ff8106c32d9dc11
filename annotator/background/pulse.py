"""A worker's signs of life, written from a thread of its own so that a long task does not look like death."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from annotator.clock import is_old, is_recent
from annotator.inference import lacking_models
from annotator.inference.models import WorkerPulse

logger = logging.getLogger(__name__)
BEAT_SECONDS = 5.0
RECONCILE_SECONDS = 30.0
FORGET_AFTER = timedelta(days=1)


def beat(worker_id: str) -> None:
    """Write one sign of life and forget workers that ended long ago."""
    now = timezone.now()
    said = {"beat_at": now, "host": socket.gethostname()[:255], "lacking": lacking_models.reasons()}
    WorkerPulse.objects.update_or_create(worker_id=worker_id, defaults=said)
    WorkerPulse.objects.filter(is_old("beat_at", FORGET_AFTER)).delete()


def living_workers() -> set[str]:
    """Return the ids of the workers that gave a sign of life lately."""
    living = is_recent("beat_at", timedelta(seconds=settings.WORKER_STALE_SECONDS))
    return set(WorkerPulse.objects.filter(living).values_list("worker_id", flat=True))


def lacking_machines() -> list[dict[str, str]]:
    """Return each machine with a model whose files it lacks, and why: living workers, and this process."""
    living = is_recent("beat_at", timedelta(seconds=settings.WORKER_STALE_SECONDS))
    said = [(row.host, row.lacking) for row in WorkerPulse.objects.filter(living).exclude(lacking={})]
    own = (socket.gethostname(), lacking_models.reasons())
    found = {(host, version): why for host, reasons in [*said, own] for version, why in reasons.items()}
    return [{"host": host, "version": version, "why": why} for (host, version), why in sorted(found.items())]


def _do_nothing() -> None:
    pass


class Pulse:
    """The thread. `reconcile` is called at the start and every half minute, `on_beat` at each sign of life."""

    def __init__(
        self, worker_id: str, reconcile: Callable[[], object], *, on_beat: Callable[[], object] = _do_nothing
    ) -> None:
        self.worker_id = worker_id
        self._reconcile = reconcile
        self._on_beat = on_beat
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Give the first sign of life at once, then go on in the background."""
        beat(self.worker_id)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the worker off the list so that readiness says so at once."""
        self._stopping.set()
        self._thread.join(timeout=10)
        WorkerPulse.objects.filter(worker_id=self.worker_id).delete()

    def _run(self) -> None:
        next_reconcile = time.monotonic()
        while not self._stopping.is_set():
            try:
                beat(self.worker_id)
                self._on_beat()
                if time.monotonic() >= next_reconcile:
                    self._reconcile()
                    next_reconcile = time.monotonic() + RECONCILE_SECONDS
            except DatabaseError:
                logger.warning("the pulse could not reach the database", exc_info=True)
                connection.close()
            self._stopping.wait(BEAT_SECONDS)
        connection.close()
