"""Choosing language and theme, signed in or not, and the texts that the pages' scripts show."""

import sys

from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.shortcuts import redirect
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST
from django.views.i18n import JavaScriptCatalog

from annotator.accounts.models import User
from annotator.accounts.preferences import THEME_COOKIE, keep_choice, read_language, read_theme
from annotator.errors import envelope
from annotator.faults import explain_fault

WORDS_SECONDS = 300

words = cache_control(private=True, max_age=WORDS_SECONDS)(JavaScriptCatalog.as_view())


@require_POST
def choose_preferences(request: HttpRequest) -> HttpResponse:
    """Keep the posted `language` or `theme` with the account and in the browser, and go back to where it was chosen."""
    posted = {"locale": request.POST.get("language", ""), "theme": request.POST.get("theme", "")}
    changes = {"locale": read_language(posted), "theme": read_theme(posted)}
    changes = {name: value for name, value in changes.items() if value}
    user = request.user
    if changes and isinstance(user, User):
        user.preferences = {**user.preferences, **changes}
        user.save(update_fields=["preferences"])
    response = redirect(_way_back(request))
    keep_choice(response, changes)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Show the page for a crash in the person's theme, or for a fault that has a name; it asks no database."""
    fault = explain_fault(sys.exception())
    if fault is not None and request.path.startswith("/api/"):
        return JsonResponse(envelope(fault.code, fault.message, fault.extra), status=fault.status)
    context: dict[str, str] = {"theme": read_theme({"theme": request.COOKIES.get(THEME_COOKIE)})}
    if fault is None:
        return HttpResponseServerError(loader.get_template("500.html").render(context))
    context |= {"code": str(int(fault.status)), "message": fault.message}
    return HttpResponse(loader.get_template("refused.html").render(context), status=fault.status)


def _way_back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else "/"
