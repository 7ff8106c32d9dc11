"""Sign in, sign out, one's own account."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotator.accounts.models import ApiToken, TokenScope
from annotator.pages.access import person


class SignIn(auth_views.LoginView):
    """The sign-in page; somebody signed in already goes on to the projects."""

    template_name = "pages/login.html"
    redirect_authenticated_user = True


class SignOut(auth_views.LogoutView):
    """POST only, as Django has it."""


class ChangePassword(auth_views.PasswordChangeView):
    """Another password."""

    template_name = "pages/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save and say so."""
        messages.success(self.request, "Your password is changed. Other browsers are signed out.")
        return super().form_valid(form)


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in and the person's tokens."""
    tokens = ApiToken.objects.filter(user=person(request), revoked_at=None).order_by("-created_at")
    context = {"tokens": tokens, "scopes": TokenScope.values, "now": timezone.now(), "nav": "account"}
    return render(request, "pages/account.html", context)
