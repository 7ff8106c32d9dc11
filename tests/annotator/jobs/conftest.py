"""The fixtures of this room's tests."""

from tests.annotator.rows_of_work import *  # noqa: F403
