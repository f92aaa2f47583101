"""The auth method `bearer`: `Authorization: Bearer ...`."""

from __future__ import annotations

import attrs

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret
from promferry.plugins.auth.headers import Headers

_VARIABLE = "PROMETHEUS_BEARER_AUTH_TOKEN"


@attrs.frozen
class BearerSettings:
    """The token."""

    token: Secret = secret(
        _VARIABLE, required=True, help="A token sent as `Authorization: Bearer`."
    )


def _open(settings: BearerSettings, context: AuthContext) -> Auth:
    del context
    return Auth(
        f"bearer token from {settings.token.variable}",
        http=Headers(lambda: {"Authorization": b"Bearer " + settings.token.reveal().encode()}),
    )


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `bearer`."""
    return [
        AuthMethod(
            "bearer",
            "a bearer token",
            BearerSettings,
            _open,
            variables=(_VARIABLE, f"{_VARIABLE}_FILE"),
            claims=("authorization",),
            detect=lambda env: is_set(env, _VARIABLE) or is_set(env, f"{_VARIABLE}_FILE"),
        )
    ]
