"""What all tests share: property tests that draw the same examples on every run of a checked commit."""

import os

from hypothesis import settings

# New examples are found on people's machines; where a commit is judged, chance must not judge it.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("people", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "people")
