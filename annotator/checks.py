"""System checks that name what is wrong with the environment, each under an id that the documentation lists."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from annotator import environment


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E001: a variable holds a value that cannot be used."""
    return [Error(problem, id="maskwright.E001") for problem in environment.PROBLEMS]


@register()
def check_data_dir(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E002: DATA_DIR cannot be written."""
    folder = Path(settings.DATA_DIR)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return [Error(f"DATA_DIR {folder} is not a folder that can be written.", id="maskwright.E002")]
    return []


@register()
def check_ingest_root(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E003: INGEST_ROOT is set and is no folder; maskwright.E004: it holds the data directory."""
    root = settings.INGEST_ROOT
    if root is None:
        return []
    if not Path(root).is_dir():
        return [Error(f"INGEST_ROOT {root} is not a folder.", id="maskwright.E003")]
    if Path(settings.DATA_DIR).resolve().is_relative_to(Path(root).resolve()):
        hint = "Members could read the database's folder through it; choose a folder of photos."
        return [Error(f"INGEST_ROOT {root} contains DATA_DIR.", hint=hint, id="maskwright.E004")]
    return []


@register(deploy=True)
def check_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.W001: the server answers to any host name."""
    if "*" in settings.ALLOWED_HOSTS:
        return [
            checks.Warning("ALLOWED_HOSTS contains *.", hint="Name the hosts that people use.", id="maskwright.W001")
        ]
    return []


@register()
def check_secret(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E005: the secret key is too short to protect sessions."""
    if len(settings.SECRET_KEY) < 32:
        return [Error("SECRET_KEY has fewer than 32 characters.", id="maskwright.E005")]
    return []
