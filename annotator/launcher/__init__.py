"""`make run`: from a fresh clone to an open page. Standard library only, as it runs before anything is installed.

Knows nothing of Django: what needs Django runs as `manage.py` inside the virtual environment.
"""
