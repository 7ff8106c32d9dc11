"""Weeks of the figures: they start on Monday, in UTC. Knows no rows, so that models may use it."""

from datetime import date, datetime, timedelta

from django.utils import timezone


def week_of(moment: datetime) -> date:
    """Return the Monday of a moment's week, in UTC."""
    day = moment.date()
    return day - timedelta(days=day.weekday())


def this_week() -> date:
    """Return the Monday of the present week, in UTC."""
    return week_of(timezone.now())
