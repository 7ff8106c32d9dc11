"""System checks that name what is wrong with the environment, each under an id that the documentation lists."""

from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError

from annotator import environment


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E001: a variable holds a value that cannot be used."""
    return [Error(problem, id="maskwright.E001") for problem in environment.PROBLEMS]


@register()
def check_data_dir(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E002: DATA_DIR cannot be written."""
    problem = environment.explain_unwritable(Path(settings.DATA_DIR))
    return [Error(problem, id="maskwright.E002")] if problem else []


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


@register()
def check_sign_in(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.E006: OIDC_* is incomplete or not sheltered; maskwright.E007: nobody can sign in at all."""
    found: list[CheckMessage] = []
    parts = {name: getattr(settings, name) for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")}
    missing = [name for name, value in parts.items() if not value]
    if missing and len(missing) < len(parts):
        found.append(Error(f"Signing in at a provider also needs {', '.join(missing)}.", id="maskwright.E006"))
    if settings.OIDC_ISSUER and not import_module("annotator.accounts.oidc").is_sheltered(settings.OIDC_ISSUER):
        found.append(Error(f"OIDC_ISSUER {settings.OIDC_ISSUER} is not https.", id="maskwright.E006"))
    if missing and not settings.LOCAL_SIGN_IN:
        found.append(Error("LOCAL_SIGN_IN is off and no provider is set: nobody can sign in.", id="maskwright.E007"))
    return found


@register()
def check_demo_passwords(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """maskwright.W002: outside of the demo a password of the demo still opens an account."""
    if settings.DEMO:
        return []
    try:
        names = import_module("annotator.accounts.stock_accounts").open_to_demo_passwords()
    except DatabaseError:  # not migrated yet: there are no accounts
        return []
    hint = "Set another password, or deactivate the account on the page People."
    says = "A password of the demo (sign-in.json, DEMO_PASSWORD) still opens the account “{}”."
    return [checks.Warning(says.format(name), hint=hint, id="maskwright.W002") for name in names]
