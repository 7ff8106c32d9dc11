"""The formats: a folder each, with spec.py, write.py and read.py. They do not know each other.

What they build on is annotator/exchange/base (masks, readers, writers) and annotator/exchange/files (archives, JSON,
XML); annotator/exchange/registry.py finds them.
"""
