"""GET /me and PATCH /me/preferences, and the rules of signing in that every endpoint shares."""

from annotator.accounts.models import ApiToken, User
from tests.annotator.conftest import Api


def test_me_tells_who_is_signed_in(as_admin: Api, admin: User) -> None:
    body = as_admin.get("/me").json()
    assert (body["id"], body["username"], body["preferences"]) == (admin.pk, "ada", {})


def test_signed_out_gets_401_in_the_envelope(signed_out: Api) -> None:
    answer = signed_out.get("/me")
    assert answer.status_code == 401
    assert answer.json() == {"code": "signed_out", "message": "Sign in first.", "extra": {}}


def test_wrong_method_is_405(as_admin: Api) -> None:
    assert as_admin.post("/me").status_code == 405


def test_preferences_are_merged_and_null_removes(as_admin: Api, admin: User) -> None:
    as_admin.patch("/me/preferences", {"theme": "dark", "locale": "ko"})
    assert as_admin.patch("/me/preferences", {"theme": None, "keys": {"a": "b"}}).json() == {
        "locale": "ko",
        "keys": {"a": "b"},
    }
    admin.refresh_from_db()
    assert admin.preferences == {"locale": "ko", "keys": {"a": "b"}}


def test_preferences_are_bounded(as_admin: Api) -> None:
    assert as_admin.patch("/me/preferences", {"a": "x" * 70_000}).status_code == 413


def test_preferences_must_be_an_object(as_admin: Api) -> None:
    answer = as_admin.patch("/me/preferences", "[1]")
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
    assert as_admin.patch("/me/preferences", "{broken").status_code == 400


def test_a_writing_call_needs_the_csrf_token(admin: User) -> None:
    api = Api(admin, enforce_csrf_checks=True)
    refused = api.patch("/me/preferences", {"theme": "dark"})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    token = "t" * 32
    api.client.cookies["csrftoken"] = token
    answer = api.client.patch(
        "/api/v1/me/preferences", data="{}", content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 200


def test_a_bearer_token_signs_in_without_cookies_or_csrf(admin: User) -> None:
    row, token = ApiToken.issue(admin, name="script")
    api = Api(None, enforce_csrf_checks=True)
    answer = api.client.patch(
        "/api/v1/me/preferences",
        data="{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert token not in row.digest


def test_revoked_tokens_and_tokens_of_inactive_people_do_not(admin: User) -> None:
    row, token = ApiToken.issue(admin, name="script")
    admin.is_active = False
    admin.save()
    assert Api(None).get("/me", Authorization=f"Bearer {token}").status_code == 401
    admin.is_active = True
    admin.save()
    row.revoked_at = row.created_at
    row.save()
    assert Api(None).get("/me", Authorization=f"Bearer {token}").status_code == 401


def test_openapi_lists_the_endpoints(as_admin: Api) -> None:
    paths = as_admin.get("/openapi.json").json()["paths"]
    assert "/api/v1/images/{image_id}/operations" in paths
