"""What the method is told."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from promferry.core.environ import secret, var
from promferry.core.secret import Secret


def _url(text: str) -> str:
    found = urlsplit(text)
    if found.scheme not in ("http", "https") or not found.hostname or "@" in found.netloc:
        raise ValueError
    return text


@attrs.frozen
class OAuth2Settings:
    """Where tokens are given out, and to whom."""

    token_url: str = var(
        "OAUTH2_TOKEN_URL", _url, accepts="an address such as https://login.example.com/token",
        help="Where tokens are given out.",
    )  # fmt: skip
    client_id: str = var(
        "OAUTH2_CLIENT_ID", str, accepts="the client's name", help="Who asks for a token.",
    )  # fmt: skip
    client_secret: Secret = secret(
        "OAUTH2_CLIENT_SECRET", required=True, help="The client's secret."
    )
    scope: str | None = var(
        "OAUTH2_SCOPE", str, default=None, accepts="scopes with blanks between",
        help="What the token is for, where the server wants to know.",
    )  # fmt: skip
