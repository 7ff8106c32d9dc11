"""Imports and exports.

formats/NAME: one format; base: what formats build on and are given; files: archives, JSON, XML and tables; export:
from rows to files; import_: from files to rows. registry lists the formats, options says what may be asked for.
"""
