"""Decode on the server for browsers that cannot: in one subprocess, with a bounded queue (docs/adr/0003).

The web process holds neither torch nor a session; the subprocess starts with the first request.
"""

import logging
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from django.utils.translation import gettext as _

from annotator import sam_gateway
from annotator.errors import InvalidError, UnavailableError
from annotator.inference.decoding_process import end_with_parent
from annotator.sam_answers import DecodeAnswer, DecodeRequest

logger = logging.getLogger(__name__)
WAITING_AT_MOST = 8
ANSWER_WITHIN_SECONDS = 30.0

_places = threading.BoundedSemaphore(WAITING_AT_MOST)
_lock = threading.Lock()
_pool: ProcessPoolExecutor | None = None


def decode_on_server(folder: Path, request: DecodeRequest) -> DecodeAnswer:
    """Answer one prompt; raise InvalidError for a bad prompt, UnavailableError when busy, slow or broken."""
    if not _places.acquire(blocking=False):
        raise UnavailableError(_("The server is decoding for others; try again."), code="busy")
    try:
        return _running_pool().submit(sam_gateway.decode_prompt, str(folder), request).result(ANSWER_WITHIN_SECONDS)
    except sam_gateway.PromptRefusedError as error:
        raise InvalidError(str(error), code="bad_prompt") from error
    except sam_gateway.ModelMissingError as error:
        raise UnavailableError(str(error), code="no_model") from error
    except (BrokenProcessPool, FutureTimeoutError) as error:
        logger.warning("the decoding subprocess was given up", exc_info=True)
        stop_decoding()
        raise UnavailableError(_("Decoding on the server failed; try again."), code="decoder_failed") from error
    finally:
        _places.release()


def stop_decoding() -> None:
    """End the subprocess; the next request starts another."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool is not None:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001  (no public way to end a stuck one)
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _running_pool() -> ProcessPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            # Spawned, not forked: the web process has threads and open sockets.
            _pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)
        return _pool
