"""Signing in at an OpenID provider: a real one on loopback, over HTTP, and what it may not do."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings as django_settings
from django.test import Client
from joserfc.jwk import OctKey, RSAKey

from annotator.accounts import account_links, oidc
from annotator.accounts.backends import OPEN_ID_BACKEND
from annotator.accounts.models import ExternalIdentity, User
from annotator.accounts.people import set_active
from annotator.audit.models import AuditEvent
from annotator.checks import check_sign_in
from annotator.http.security_headers import HEADERS
from tests.annotator.people.open_id_provider import CLIENT_ID, CLIENT_SECRET, Provider

BEGIN, BACK = "/login/elsewhere/", "/login/elsewhere/back/"


@pytest.fixture
def provider(db: None, settings: Any) -> Iterator[Provider]:
    """A running provider, and the settings that name it."""
    running = Provider()
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = (
        running.issuer,
        CLIENT_ID,
        CLIENT_SECRET,
    )
    settings.OIDC_NAME = "Example Company"
    settings.AUTHENTICATION_BACKENDS = [*django_settings.AUTHENTICATION_BACKENDS, OPEN_ID_BACKEND]
    yield running
    running.close()
    oidc._make_client.cache_clear()


@pytest.fixture
def chief(make_user: Any) -> User:
    """A server admin."""
    user: User = make_user("chief")
    user.is_superuser = True
    user.save()
    return user


def go_there(client: Client, query: str = "") -> str:
    """Go to the provider; return the address to which it sends the browser back."""
    answer = client.get(f"{BEGIN}{query}")
    assert answer.status_code == 302, answer.content
    return requests.get(answer["Location"], allow_redirects=False, timeout=5).headers["Location"]


def sign_in(client: Client, query: str = "") -> Any:
    back = urlsplit(go_there(client, query))
    assert back.path == BACK
    return client.get(f"{back.path}?{back.query}")


def who_is(client: Client) -> str | None:
    answer = client.get("/api/v1/me")
    return answer.json()["username"] if answer.status_code == 200 else None


def test_somebody_new_gets_an_account_and_the_same_one_again(provider: Provider) -> None:
    provider.user_info |= {"name": "Ann Example", "preferred_username": "ann"}
    client = Client()
    answer = sign_in(client, "?next=/models/")
    assert (answer.status_code, answer["Location"]) == (302, "/models/")
    person = User.objects.get()
    assert (person.username, person.display_name, person.email) == ("ann", "Ann Example", "ann@example.org")
    assert (person.is_superuser, person.has_usable_password(), who_is(client)) == (False, False, "ann")
    provider.user_info |= {"email": "married@example.org", "preferred_username": "another"}
    assert sign_in(Client()).status_code == 302
    assert User.objects.count() == 1
    identity = ExternalIdentity.objects.get()
    assert (identity.issuer, identity.subject, identity.user) == (provider.issuer, "u-1", person)
    assert AuditEvent.objects.filter(verb="person.signed_in", actor_name="ann").count() == 2
    assert {"/.well-known/openid-configuration", "/token", "/keys", "/userinfo"} <= set(provider.served)


@pytest.mark.parametrize("is_verified", [True, False, None])
def test_a_mail_address_opens_nobodys_account(provider: Provider, make_user: Any, is_verified: bool | None) -> None:
    victim = make_user("ann")
    User.objects.filter(pk=victim.pk).update(email="ann@example.org")
    provider.user_info |= {"email_verified": is_verified, "preferred_username": "ann"}
    client = Client()
    assert sign_in(client).status_code == 302
    assert who_is(client) == "ann-2"
    assert User.objects.get(username="ann-2").email == ("ann@example.org" if is_verified else "")


def is_refused(provider: Provider, client: Client | None = None) -> bool:
    browser = client or Client()
    answer = sign_in(browser)
    assert answer.status_code == 403
    assert "Signing in did not work" in answer.content.decode()
    return who_is(browser) is None and not User.objects.exists()


def test_a_state_of_another_browser_or_of_nobody_is_refused(provider: Provider) -> None:
    back = urlsplit(go_there(Client()))
    other = Client()
    assert other.get(f"{BACK}?{back.query}").status_code == 403
    go_there(other)
    for query in (back.query, f"code=x&state={'y' * 30}", "code=x", "state=", "", "error=access_denied&state=z"):
        assert other.get(f"{BACK}?{query}").status_code == 403, query
        assert who_is(other) is None
    assert not User.objects.exists()


def test_an_attempt_counts_once_and_not_for_ever(provider: Provider) -> None:
    client = Client()
    back = urlsplit(go_there(client))
    assert client.get(f"{BACK}?{back.query}").status_code == 302
    client.post("/logout/")
    assert client.get(f"{BACK}?{back.query}").status_code == 403
    late = urlsplit(go_there(client))
    state = parse_qs(late.query)["state"][0]
    session = client.session
    session[f"_state_oidc_{state}"] = {**session[f"_state_oidc_{state}"], "exp": 1}
    session.save()
    assert client.get(f"{BACK}?{late.query}").status_code == 403
    assert who_is(client) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of-another-attempt"}, {"nonce": None}, {"exp": 1_000_000}, {"exp": None}, {"iat": 99_999_999_999},
        {"iss": "https://other.example"}, {"iss": None}, {"aud": "another-client"}, {"aud": None}, {"sub": None},
        {"aud": ["another-client", "third"], "azp": CLIENT_ID}, {"sub": "somebody-else"},
    ],
)  # fmt: skip
def test_claims_that_do_not_fit_are_refused(provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    assert is_refused(provider)


def test_a_signature_of_another_key_is_refused(provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "first"})
    assert is_refused(provider)


def test_a_signature_by_the_shared_secret_is_refused(provider: Provider) -> None:
    provider.algorithm, provider.signing_key = "HS256", OctKey.import_key(CLIENT_SECRET * 2)
    assert is_refused(provider)


def test_new_keys_of_the_provider_are_read(provider: Provider) -> None:
    assert sign_in(Client()).status_code == 302
    provider.key = provider.signing_key = RSAKey.generate_key(2048, {"kid": "first"})
    assert sign_in(Client()).status_code == 403
    assert sign_in(Client()).status_code == 302


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"}, {"token_endpoint": "http://other.example/token"}, {"jwks_uri": None},
        {"id_token_signing_alg_values_supported": 7},
    ],
)  # fmt: skip
def test_a_discovery_document_that_is_not_the_issuers_is_not_used(provider: Provider, metadata: dict[str, Any]) -> None:
    provider.metadata = metadata
    answer = Client().get(BEGIN)
    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()
    provider.metadata = {}
    assert sign_in(Client()).status_code == 302


def test_a_provider_that_is_away_is_said_to_be(provider: Provider, settings: Any) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    assert Client().get(BEGIN).status_code == 503
    assert Client().get("/login/").status_code == 200


def test_only_allowed_domains_with_a_verified_address_come_in(provider: Provider, settings: Any) -> None:
    settings.OIDC_ALLOWED_DOMAINS = ["Example.org"]
    for wrong in ({"email_verified": False}, {"email_verified": "true"}, {"email": "ann@example.org.evil.test"}):
        provider.user_info = {"sub": "u-1", "email": "ann@example.org", "email_verified": True, **wrong}
        assert sign_in(Client()).status_code == 403, wrong
    assert not User.objects.exists()
    provider.user_info = {"sub": "u-1", "email": "ann@EXAMPLE.org", "email_verified": True}
    assert sign_in(Client()).status_code == 302


def test_a_deactivated_person_stays_out_and_is_out_at_once(provider: Provider, chief: User) -> None:
    client = Client()
    sign_in(client)
    person = ExternalIdentity.objects.get().user
    set_active(person, False, by=chief)
    assert who_is(client) is None
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "deactivated" in answer.content.decode()
    set_active(person, True, by=chief)
    assert who_is(client) is None
    assert sign_in(client).status_code == 302


def test_signing_out_ends_it(provider: Provider) -> None:
    client = Client()
    sign_in(client)
    assert client.post("/logout/").status_code == 302
    assert who_is(client) is None


def test_a_group_makes_server_admins_but_never_takes_the_last(provider: Provider, settings: Any, chief: User) -> None:
    settings.OIDC_ADMIN_GROUP = "operators"
    provider.user_info["groups"] = ["operators", 7]
    sign_in(Client())
    person = ExternalIdentity.objects.get().user
    assert person.is_superuser
    provider.user_info["groups"] = "operators"
    sign_in(Client())
    assert User.objects.get(pk=person.pk).is_superuser
    User.objects.filter(pk=chief.pk).update(is_superuser=False)
    provider.user_info["groups"] = []
    sign_in(Client())
    assert User.objects.get(pk=person.pk).is_superuser
    User.objects.filter(pk=chief.pk).update(is_superuser=True)
    sign_in(Client())
    assert not User.objects.get(pk=person.pk).is_superuser


def test_a_link_joins_an_account_once(provider: Provider, settings: Any, chief: User, make_user: Any) -> None:
    settings.OIDC_INVITED_ONLY = True
    assert sign_in(Client()).status_code == 403
    petra = make_user("petra")
    _, secret = account_links.make_password_link(petra, chief)
    page = Client().get(f"/join/?link={secret}").content.decode()
    assert "Sign in with Example Company from now on" in page
    client = Client()
    assert sign_in(client, f"?link={secret}").status_code == 302
    assert who_is(client) == "petra"
    provider.user_info["sub"] = "u-2"
    assert sign_in(Client(), f"?link={secret}").status_code == 404
    _, invited = account_links.make_invite(chief)
    assert sign_in(Client(), f"?link={invited}").status_code == 302
    assert User.objects.filter(username="ann").exists()
    _, secret = account_links.make_password_link(petra, chief)
    assert sign_in(Client(), f"?link={secret}").status_code == 409


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_nobody_is_sent_to_another_site(provider: Provider, wanted: str) -> None:
    assert sign_in(Client(), f"?next={wanted}")["Location"] == "/projects/"


def test_the_button_shows_where_a_provider_is_set(provider: Provider, settings: Any) -> None:
    page = Client().get("/login/?next=/models/")
    assert 'href="/login/elsewhere/?next=/models/"' in page.content.decode()
    assert "Sign in with Example Company" in page.content.decode()
    for answer in (page, Client().get(BEGIN), Client().get(f"{BACK}?code=x")):
        assert {name: answer[name] for name in HEADERS} == HEADERS
    settings.OIDC_CLIENT_SECRET = ""
    assert "elsewhere" not in Client().get("/login/").content.decode()
    assert Client().get(BEGIN).status_code == 404
    assert Client().get(BACK).status_code == 404


def test_local_sign_in_can_be_switched_off(provider: Provider, settings: Any, make_user: Any, chief: User) -> None:
    here = Client()
    here.post("/login/", {"username": "chief", "password": "chief"})
    assert who_is(here) == "chief"
    settings.LOCAL_SIGN_IN = False
    settings.AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", OPEN_ID_BACKEND]
    page = Client().get("/login/").content.decode()
    assert 'name="password"' not in page
    assert "Sign in with Example Company" in page
    assert who_is(here) is None
    assert Client().post("/login/", {"username": "chief", "password": "chief"}).status_code == 403
    _, secret = account_links.make_password_link(make_user("petra"), chief)
    words = {"link": secret, "password": "Correct-Horse-7", "again": "Correct-Horse-7"}
    client = Client()
    assert 'name="password"' not in client.post("/join/", words).content.decode()
    assert who_is(client) is None
    assert sign_in(client, f"?link={secret}").status_code == 302
    assert who_is(client) == "petra"


def test_guessing_passwords_is_still_locked_out(provider: Provider, make_user: Any) -> None:
    make_user("petra")
    for _ in range(django_settings.AXES_FAILURE_LIMIT):
        answer = Client().post("/login/", {"username": "petra", "password": "wrong"})
    assert answer.status_code == 429
    assert sign_in(Client()).status_code == 302


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"OIDC_CLIENT_SECRET": ""}, "E006"), ({"OIDC_ISSUER": "http://login.example"}, "E006"),
        ({"OIDC_ISSUER": "", "OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET": "", "LOCAL_SIGN_IN": False}, "E007"),
    ],
)  # fmt: skip
def test_settings_that_do_not_work_are_named(settings: Any, changes: dict[str, Any], code: str) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "https://login.example", "a", "b"
    assert check_sign_in(None) == []
    for name, value in changes.items():
        setattr(settings, name, value)
    assert [found.id for found in check_sign_in(None)] == [f"maskwright.{code}"]
