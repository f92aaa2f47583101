"""The auth method `token`: a static token in the header `token`."""

from __future__ import annotations

import attrs
from requests import PreparedRequest
from requests.auth import AuthBase

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret

_VARIABLE = "PROMETHEUS_AUTH_TOKEN"


@attrs.frozen
class TokenSettings:
    """The token."""

    token: Secret = secret(
        _VARIABLE,
        required=True,
        help="A token sent as the header `token`, with `Content-Type: application/json`.",
    )


class TokenAuth(AuthBase):
    """Sets `token`, and `Content-Type: application/json` on requests without a form in the body.

    A long query travels as a form; called JSON, no server would read it.
    """

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Set the headers."""
        request.headers["token"] = self._token.reveal().encode()  # type: ignore[assignment]
        if not request.body:
            request.headers["Content-Type"] = "application/json"
        return request


def _open(settings: TokenSettings, context: AuthContext) -> Auth:
    del context
    return Auth(f"token from {settings.token.variable}", http=TokenAuth(settings.token))


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `token`."""
    return [
        AuthMethod(
            "token",
            "a static token in the header `token`",
            TokenSettings,
            _open,
            variables=(_VARIABLE, f"{_VARIABLE}_FILE"),
            claims=("token",),
            detect=lambda env: is_set(env, _VARIABLE) or is_set(env, f"{_VARIABLE}_FILE"),
        )
    ]
