"""Which process holds a job, and whether it is still there."""

import os
import socket
import uuid
from datetime import timedelta

from django.utils import timezone

from annotator.jobs.models import Job

STALE_AFTER = timedelta(seconds=120)  # longest step without a beat; a dead process on this machine is seen at once


def name_runner() -> str:
    """Return a name for one try of this process: "host:process id:token"."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def is_free(job: Job) -> bool:
    """Say whether nobody holds the job, or whoever did is gone."""
    if not job.runner or job.beat_at is None or abs(timezone.now() - job.beat_at) > STALE_AFTER:
        return True
    host, pid, _ = job.runner.rsplit(":", 2)
    return host == socket.gethostname() and not _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
