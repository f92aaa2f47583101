"""The auth method `x-scope-orgid`: the tenant of a store with several."""

from __future__ import annotations

import attrs

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret
from promferry.plugins.auth.headers import Headers

_VARIABLE = "PROMETHEUS_X_SCOPE_ORGID"


@attrs.frozen
class TenantSettings:
    """The tenant."""

    tenant: Secret = secret(
        _VARIABLE,
        required=True,
        help="The tenant, sent as `X-Scope-OrgID`; goes together with any other method.",
    )


def _open(settings: TenantSettings, context: AuthContext) -> Auth:
    del context
    return Auth(
        f"tenant {settings.tenant.reveal()}",
        http=Headers(lambda: {"X-Scope-OrgID": settings.tenant.reveal().encode()}),
    )


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `x-scope-orgid`."""
    return [
        AuthMethod(
            "x-scope-orgid",
            "the tenant header",
            TenantSettings,
            _open,
            variables=(_VARIABLE, f"{_VARIABLE}_FILE"),
            claims=("x-scope-orgid",),
            detect=lambda env: is_set(env, _VARIABLE) or is_set(env, f"{_VARIABLE}_FILE"),
        )
    ]
