"""Who has failed to sign in too often: django-axes counts per account and address, and here per address alone.

Both refuse before a password is hashed, which is what costs.
"""

from datetime import timedelta

from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from annotator.clock import SLACK, is_recent

FAILURES_OF_ONE_ADDRESS = 50


def is_address_locked(request: HttpRequest) -> bool:
    """Say whether one address has tried too many accounts within the time that a lock-out lasts."""
    recent = is_recent("attempt_time", timedelta(minutes=settings.SIGN_IN_LOCK_MINUTES))
    rows = AccessAttempt.objects.filter(recent, ip_address=get_client_ip_address(request))
    failures = rows.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
    return bool(failures >= FAILURES_OF_ONE_ADDRESS)


def forget_attempts_to_come() -> int:
    """Remove attempts that a clock wrote which was ahead: django-axes would lock people out until then."""
    return int(AccessAttempt.objects.filter(attempt_time__gt=timezone.now() + SLACK).delete()[0])
