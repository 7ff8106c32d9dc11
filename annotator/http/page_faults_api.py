"""What went wrong in somebody's browser, for the server's log: bounded in size and number, and kept nowhere else."""

import logging
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import StringConstraints

from annotator.accounts.authentication import SessionCookieAuth, user_of
from annotator.errors import TooManyError
from annotator.http.budget import Budget

logger = logging.getLogger("annotator.page")
router = Router(tags=["account"], auth=SessionCookieAuth())
# A page sends five at most; a whole team behind one broken release must not fill the disk.
PER_PERSON = Budget(20, 600)
ALTOGETHER = Budget(200, 600)


class PageFault(Schema):
    """One uncaught error of a page."""

    kind: Literal["error", "rejection", "script"]
    reason: Annotated[str, StringConstraints(max_length=500)]
    stack: Annotated[str, StringConstraints(max_length=4000)] = ""
    path: Annotated[str, StringConstraints(max_length=300)] = ""


@router.post("/page-faults", response={204: None})
def report_page_fault(request: HttpRequest, fault: PageFault) -> Status[None]:
    """Write an uncaught error of the caller's page into the server's log. 429 `too_many` when there are too many."""
    user = user_of(request)
    if not (PER_PERSON.take(user.pk) and ALTOGETHER.take("all")):
        raise TooManyError("Too many errors were reported; the log has the first ones.")
    browser = request.headers.get("User-Agent", "")[:300]
    told = {f"page_{name}": value for name, value in fault.dict().items()}
    logger.error("uncaught error in a page", extra={"user_id": user.pk, "browser": browser, **told})
    return Status(204, None)
