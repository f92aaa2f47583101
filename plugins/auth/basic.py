"""The auth method `basic`: user name and password."""

from __future__ import annotations

import base64

import attrs

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret
from promferry.core.errors import ConfigurationError
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret
from promferry.plugins.auth.headers import Headers

_VARIABLES = (
    "PROMETHEUS_USERNAME",
    "PROMETHEUS_USERNAME_FILE",
    "PROMETHEUS_PASSWORD",
    "PROMETHEUS_PASSWORD_FILE",
)


@attrs.frozen
class BasicSettings:
    """User name and password; both or neither."""

    username: Secret = secret(
        "PROMETHEUS_USERNAME", required=True, help="The user name of Basic authentication."
    )
    password: Secret = secret(
        "PROMETHEUS_PASSWORD", required=True, help="The password of Basic authentication."
    )


def _open(settings: BasicSettings, context: AuthContext) -> Auth:
    del context

    def make() -> dict[str, bytes]:
        user = settings.username.reveal()
        if ":" in user:
            raise ConfigurationError(
                f"{settings.username.variable}: a user name can't have a colon in Basic"
                " authentication; does it hold the password too?"
            )
        pair = f"{user}:{settings.password.reveal()}"
        return {"Authorization": b"Basic " + base64.b64encode(pair.encode())}

    make()  # what can't be sent is told before the first query
    return Auth(
        f"user name and password from {settings.username.variable} and"
        f" {settings.password.variable}",
        http=Headers(make),
    )


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `basic`."""
    return [
        AuthMethod(
            "basic",
            "user name and password",
            BasicSettings,
            _open,
            variables=("PROMETHEUS_USERNAME", "PROMETHEUS_PASSWORD"),
            claims=("authorization",),
            detect=lambda env: any(is_set(env, name) for name in _VARIABLES),
        )
    ]
