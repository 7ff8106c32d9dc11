"""The version of everything that an export writes: graphs, their weights, manifest and card.

Raise the number by hand when any of that changes; a model exported in another format is exported anew.
tests/sam_core/test_export_format.py fails when graphs or manifest change and the number does not.
Must not know: torch, so that a start can compare formats without loading it.
"""

EXPORT_FORMAT = 6
