"""A small OpenID provider on loopback: discovery, authorisation code with PKCE, token, keys and user info over HTTP.

Keys and signatures are joserfc's. A test changes what it says (`claims`, `user_info`, `signing_key`, `metadata`).
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "maskwright", "a-secret-of-the-client"


@lru_cache(maxsize=1)
def first_key() -> RSAKey:
    """Return a key, made once as that takes a while."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class Provider:
    """What the provider knows and says."""

    def __init__(self) -> None:
        self.key = first_key()
        self.signing_key: RSAKey | OctKey = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.user_info: dict[str, Any] = {"sub": "u-1", "email": "ann@example.org", "email_verified": True}
        self.metadata: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.served: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
            **self.metadata,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes: back, with a code."""
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return tokens for a code, once, to the client whose verifier fits; else None."""
        asked = self.codes.pop(form.get("code", ""), None)
        wanted = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or authorization != wanted or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        if challenge != asked["code_challenge"]:
            return None
        return {"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token(asked)}

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.user_info["sub"], "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"], **self.claims}
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "first"}
        return jwt.encode(header, kept, self.signing_key, algorithms=[self.algorithm])

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}


def _handler_of(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.served.append(parts.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/userinfo" and self.headers["Authorization"] != "Bearer access":
                self.answer(401, {"error": "invalid_token"})
            else:
                places = {"/.well-known/openid-configuration": provider.discovery, "/keys": provider.keys}
                places["/userinfo"] = lambda: provider.user_info
                self.answer(200, places[parts.path]())

        def do_POST(self) -> None:
            provider.served.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            tokens = provider.token(form, self.headers.get("Authorization", ""))
            self.answer(200 if tokens else 400, tokens or {"error": "invalid_grant"})

        def answer(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Stay silent."""

    return Handler
