"""The auth method `oauth2` for promferry: a bearer token by OAuth 2 client credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from promferry.core.auth import Auth
from promferry.core.environ import is_set
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl

from .settings import OAuth2Settings
from .token import OAuth2, TokenSource

VARIABLES = ("OAUTH2_TOKEN_URL", "OAUTH2_CLIENT_ID", "OAUTH2_CLIENT_SECRET")


def _open(settings: OAuth2Settings, context: AuthContext) -> Auth:
    source = TokenSource(settings, context.now)
    return Auth(
        f"token for {settings.client_id} from OAUTH2_TOKEN_URL (with"
        f" {settings.client_secret.variable})",
        http=OAuth2(source),
    )


def _detect(environ: Mapping[str, str]) -> bool:
    return any(is_set(environ, name) for name in (*VARIABLES, "OAUTH2_CLIENT_SECRET_FILE"))


@hookimpl
def promferry_auth_methods() -> Iterable[AuthMethod]:
    """Bring the method `oauth2`."""
    return [
        AuthMethod(
            "oauth2",
            "a token by OAuth 2 client credentials",
            OAuth2Settings,
            _open,
            variables=VARIABLES,
            claims=("authorization",),
            detect=_detect,
        )
    ]
