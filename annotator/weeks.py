"""Weeks of the figures: they start on Monday, in UTC. Knows no rows, so that models may use it."""

from datetime import date, datetime, timedelta

from django.utils import timezone


def week_of(moment: datetime) -> date:
    """Return the Monday of a moment's week, in UTC."""
    return monday_of(moment.date())


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def this_week() -> date:
    """Return the Monday of the present week, in UTC."""
    return week_of(timezone.now())
