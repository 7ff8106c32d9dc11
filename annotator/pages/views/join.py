"""What a link into an account opens, for people who are not signed in: make the account, or choose a password."""

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from annotator.accounts import account_links
from annotator.accounts.models import AccountLink, User
from annotator.errors import AppError, InvalidError, MissingError
from annotator.pages.people_forms import JoinForm, PasswordForm
from annotator.pages.views.account import sign_in_context

LOCAL = "django.contrib.auth.backends.ModelBackend"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Show the form of a link; POST does what the link is for and signs in."""
    secret = request.POST.get("link", "") or request.GET.get("link", "")
    try:
        link = account_links.find_link(secret)
    except MissingError as error:
        return render(request, "pages/join_over.html", {"message": error.message}, status=error.status)
    form: PasswordForm = (JoinForm if link.kind == AccountLink.Kind.INVITE else PasswordForm)(request.POST or None)
    if form.is_bound and settings.LOCAL_SIGN_IN and form.is_valid():
        try:
            user = _use(link, form)
        except AppError as refusal:
            form.add_error("password" if isinstance(refusal, InvalidError) else None, refusal.message)
        else:
            login(request, user, backend=LOCAL)
            return redirect("projects")
    context = {**sign_in_context(), "form": form, "link": link, "secret": secret}
    return render(request, "pages/join.html", context)


def _use(link: AccountLink, form: PasswordForm) -> User:
    chosen = form.cleaned_data
    if link.kind == AccountLink.Kind.RESET:
        return account_links.choose_password(link, password=chosen["password"])
    return account_links.accept_invite(
        link, username=chosen["username"], name=chosen["name"], password=chosen["password"]
    )
