"""The auth method `none`: nothing is sent, whatever variables are set."""

from __future__ import annotations

import attrs

from promferry.core.auth import Auth
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl


@attrs.frozen
class NoSettings:
    """It has none."""


def _open(settings: NoSettings, context: AuthContext) -> Auth:
    del settings, context
    return Auth("no credentials (AUTH=none)")


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `none`."""
    return [
        AuthMethod(
            "none", "send no credentials", NoSettings, _open, (), (), detect=lambda _environ: False
        )
    ]
