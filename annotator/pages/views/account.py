"""Sign in, sign out, one's own account."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotator.accounts import oidc
from annotator.accounts.models import ApiToken, TokenScope
from annotator.accounts.people_events import note_locked_address
from annotator.accounts.sign_in_guard import is_address_locked
from annotator.pages.access import person


class SignIn(auth_views.LoginView):
    """The sign-in page; somebody signed in already goes on to the projects."""

    template_name = "pages/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        """Say who helps whoever is here for the first time."""
        return super().get_context_data(**sign_in_context(), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in, unless that is done elsewhere or this address has failed too often already."""
        if not settings.LOCAL_SIGN_IN:
            return render(request, self.template_name, sign_in_context(), status=HTTPStatus.FORBIDDEN)
        if is_address_locked(request):
            note_locked_address()
            return locked_out(request)
        return super().post(request, *args, **kwargs)


def sign_in_context() -> dict[str, object]:
    """Return what the sign-in page shows: the ways to sign in, and who helps whoever is here for the first time."""
    return {
        "is_demo": settings.DEMO and settings.LOCAL_SIGN_IN,
        "is_local": settings.LOCAL_SIGN_IN,
        "provider": oidc.provider_name() if oidc.is_configured() else "",
    }


def locked_out(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """Say that nobody can sign in like this for a while, and for how long; django-axes asks for this page too."""
    minutes = settings.SIGN_IN_LOCK_MINUTES
    context = {**sign_in_context(), "locked_minutes": minutes}
    answer = render(request, "pages/login.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    answer["Retry-After"] = str(minutes * 60)
    return answer


class SignOut(auth_views.LogoutView):
    """POST only, as Django has it."""


class ChangePassword(auth_views.PasswordChangeView):
    """Another password."""

    template_name = "pages/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Save and say so."""
        messages.success(self.request, _("Your password is changed. Other browsers are signed out."))
        return super().form_valid(form)


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in and the person's tokens."""
    tokens = ApiToken.objects.filter(user=person(request), revoked_at=None).order_by("-created_at")
    has_password = settings.LOCAL_SIGN_IN and person(request).has_usable_password()
    context = {"has_password": has_password, "tokens": tokens, "scopes": TokenScope.values}
    context |= {"now": timezone.now(), "nav": "account"}
    return render(request, "pages/account.html", context)
