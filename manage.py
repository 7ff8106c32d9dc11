#!/usr/bin/env python
"""Django's command-line entry."""

import sys

from annotator.__main__ import manage

if __name__ == "__main__":
    manage(sys.argv)
