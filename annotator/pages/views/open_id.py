"""To the OpenID provider and back. Both are plain GETs, as the provider's redirect is; the state ties them together."""

from http import HTTPStatus

from axes.helpers import get_client_ip_address
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotator.accounts import oidc
from annotator.accounts.backends import OPEN_ID_BACKEND
from annotator.accounts.external_people import sign_in_person
from annotator.errors import AppError, TooManyError
from annotator.http.budget import Budget
from annotator.pages.views.account import sign_in_context

# Each attempt leaves a row in the database until it ends.
ATTEMPTS = Budget(300, 600)


@never_cache
@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider."""
    _need_configuration()
    purpose = {"next": request.GET.get("next", "")[:2000], "link": request.GET.get("link", "")[:200]}
    try:
        if not ATTEMPTS.take(get_client_ip_address(request) or ""):
            raise TooManyError(_("Too many attempts. Try again in a few minutes."))
        return redirect(oidc.begin(request, redirect_uri=_way_back(request), purpose=purpose))
    except AppError as refusal:
        return _refuse(request, refusal)


@never_cache
@require_safe
def finish(request: HttpRequest) -> HttpResponse:
    """Take what the provider sent back; sign in, or say why not."""
    _need_configuration()
    try:
        signed = oidc.finish(request)
        person = sign_in_person(signed.claims, link_secret=signed.purpose["link"])
    except AppError as refusal:
        return _refuse(request, refusal)
    login(request, person, backend=OPEN_ID_BACKEND)
    wanted = signed.purpose["next"]
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted if is_ours else "projects")


def _need_configuration() -> None:
    if not oidc.is_configured():
        raise Http404


def _way_back(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("oidc_callback"))


def _refuse(request: HttpRequest, refusal: AppError) -> HttpResponse:
    context = {**sign_in_context(), "refusal": refusal.message}
    return render(request, "pages/login.html", context, status=HTTPStatus(refusal.status))
