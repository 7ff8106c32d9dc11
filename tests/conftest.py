"""What all tests share: property tests that draw the same examples on every run of a checked commit."""

import os

import pytest
from hypothesis import settings

from tests.annotator.migrated_databases import drop_templates
from tests.made_once import close_place, open_place

# New examples are found on people's machines; where a commit is judged, chance must not judge it.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("people", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "people")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a place for what is made once; the processes of a run share it."""
    if not hasattr(config, "workerinput"):
        open_place()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if not hasattr(config, "workerinput"):
        drop_templates()
        close_place()
