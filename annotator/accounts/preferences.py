"""The language and the theme that a person chose, one choice for pages and workspace alike.

The account's preferences come first (`locale`, `theme`), then the browser's cookies, which hold for whoever is signed
out; without either, the language is the one that the browser asks for and the theme is left to the system.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal, get_args

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from annotator.accounts.models import User
from annotator.json_types import JsonObject

Theme = Literal["system", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
THEME_COOKIE = "theme"
COOKIE_SECONDS = 365 * 24 * 3600


class PersonLanguageMiddleware:
    """Speak the language of the signed-in person's account; Django's LocaleMiddleware has chosen for all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Switch the language, then answer the request."""
        language = read_language(_preferences_of(request))
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = language
        return self.get_response(request)


def read_language(preferences: Mapping[str, object]) -> str:
    """Return the language code that preferences name, or an empty string when it is none of ours."""
    wanted = str(preferences.get("locale", "")).lower()
    return wanted if wanted in dict(settings.LANGUAGES) else ""


def read_theme(preferences: Mapping[str, object]) -> Theme | Literal[""]:
    """Return the theme that preferences name, or an empty string."""
    return next((theme for theme in THEMES if theme == preferences.get("theme")), "")


def theme_of(request: HttpRequest) -> Theme | Literal[""]:
    """Return the chosen theme; an empty string when nothing was chosen."""
    return read_theme(_preferences_of(request)) or read_theme({"theme": request.COOKIES.get(THEME_COOKIE)})


def preferences_context(request: HttpRequest) -> dict[str, object]:
    """Give every template the theme and what there is to choose from."""
    return {"theme": theme_of(request), "languages": settings.LANGUAGES}


def keep_choice(response: HttpResponse, preferences: Mapping[str, object]) -> None:
    """Let the browser remember language and theme, for the pages that it shows after signing out."""
    chosen = {settings.LANGUAGE_COOKIE_NAME: read_language(preferences), THEME_COOKIE: read_theme(preferences)}
    for name, value in chosen.items():
        if value:
            response.set_cookie(
                name, value, max_age=COOKIE_SECONDS, samesite="Lax", secure=settings.BEHIND_TLS, httponly=True
            )


def _preferences_of(request: HttpRequest) -> JsonObject:
    """Return the account's preferences; nothing for the signed out, and nothing when the database does not answer."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return {}
    with suppress(DatabaseError):
        user = request.user
        if isinstance(user, User):
            return dict(user.preferences)
    return {}
