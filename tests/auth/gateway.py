"""nginx before a Prometheus: a sub-path for each way to be let in."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.servers.nginx import Nginx

USER = "finops"
PASSWORD = "pass:wörd 7c1"  # a blank, a colon and a letter of two bytes: all are allowed
PASSWORD_HASH = "$2b$04$VZHuip6hwUHvrMlTAM/O4.kS3.tesJgLOhbsCMepLH7OfyFM6U4vO"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
BEARER = "bearer-6f1d0c~tok.en"
TOKEN = "static-4be8a9+tok/en=="
TENANT = "team-a"

_GUARDS = {
    "open": [],
    "bearer": [("$http_authorization", f"Bearer {BEARER}", 401)],
    "basic": [("$http_authorization", f"Basic {BASIC}", 401)],
    "token": [("$http_token", TOKEN, 403), ("$http_content_type", "application/json", 403)],
    "tenant": [("$http_x_scope_orgid", TENANT, 401)],
    "bearer-tenant": [
        ("$http_authorization", f"Bearer {BEARER}", 401),
        ("$http_x_scope_orgid", TENANT, 403),
    ],
    "token-tenant": [("$http_token", TOKEN, 401), ("$http_x_scope_orgid", TENANT, 403)],
    "basic-tenant": [
        ("$http_authorization", f"Basic {BASIC}", 401), ("$http_x_scope_orgid", TENANT, 403)
    ],
    "token-bearer": [
        ("$http_token", TOKEN, 401), ("$http_authorization", f"Bearer {BEARER}", 403)
    ],
}  # fmt: skip
_ECHO = '"you sent $http_authorization and $http_token to $request_uri"'
_HTML = "<html><head><style>b {{}}</style></head><body><b>No</b> entry for you</body></html>"


class Gateway(Nginx):
    """Wants what the sub-path says: `/bearer`, `/token`, `/tenant`, `/bearer-tenant`, ...

    `/open` wants nothing, `/nobody` lets nobody in, with a page of HTML. `/echo-401` and its like
    answer with that status and with the credentials they were sent, as a server in debugging may.
    """

    def __init__(self, folder: Path, upstream: str) -> None:
        parts = [_guard(path, upstream, guards) for path, guards in _GUARDS.items()]
        parts += [
            f"location /echo-{status}/ {{ default_type text/plain; return {status} {_ECHO}; }}"
            for status in (200, 400, 401, 403, 404, 422, 500)
        ]
        parts.append(
            f"location /nobody/ {{ default_type text/html; return 403 '{_HTML.format()}'; }}"
        )
        super().__init__(folder, "\n".join(parts))

    def asked(self, path: str) -> int:
        """Return how many requests came for a sub-path."""
        text = self.access_log.read_text("utf-8")
        return sum(f" /{path}/" in line for line in text.splitlines())


def _guard(path: str, upstream: str, guards: list[tuple[str, str, int]]) -> str:
    tests = [
        f"if ({variable} != '{value}') {{ return {status} 'wrong {variable[6:]}\\n'; }}"
        for variable, value, status in guards
    ]
    challenge = 'add_header WWW-Authenticate "Basic realm=prom" always;' if "basic" in path else ""
    return (
        f"location /{path}/ {{ default_type text/plain; {challenge} {' '.join(tests)}"
        f" proxy_pass {upstream}/; proxy_buffering off; }}"
    )
