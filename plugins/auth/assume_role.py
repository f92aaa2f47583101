"""The auth method `assume-role`: AWS credentials of another role, kept fresh."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import attrs

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret, var
from promferry.core.errors import ConfigurationError, UnavailableError
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret

_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


def _arn(text: str) -> str:
    if not _ARN.fullmatch(text):
        raise ValueError
    return text


@attrs.frozen
class RoleSettings:
    """Which role."""

    role: str = var(
        "ROLE_ARN", _arn, accepts="arn:aws:iam::<account>:role/<name>",
        help="An AWS role to assume, for the S3 sink and for SigV4.",
    )  # fmt: skip
    external_id: Secret | None = secret(
        "ROLE_EXTERNAL_ID", help="The external id that the role's trust policy demands."
    )


def session_name(cluster: str) -> str:
    """Return the name that the role's session has in audit logs: `promferry-<cluster>`."""
    return re.sub(r"[^\w+=,.@-]", "-", f"promferry-{cluster}", flags=re.ASCII)[:64]


def assumed(
    settings: RoleSettings,
    cluster: str,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Any:
    """Return a botocore session whose credentials are the role's, renewed before they expire."""
    import botocore.session
    from botocore.credentials import (
        DeferredRefreshableCredentials,
    )

    base = botocore.session.get_session()

    def refresh() -> dict[str, str]:
        return _assume(base, settings, cluster)

    session = botocore.session.get_session()
    session._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 - botocore's own way
        refresh_using=refresh, method="assume-role", time_fetcher=now
    )
    return session


def _assume(base: Any, settings: RoleSettings, cluster: str) -> dict[str, str]:
    import os

    from botocore import exceptions as sdk

    region = base.get_config_variable("region") or os.environ.get("AWS_REGION") or "us-east-1"
    wanted = {"RoleArn": settings.role, "RoleSessionName": session_name(cluster)}
    if settings.external_id is not None:
        wanted["ExternalId"] = settings.external_id.reveal()
    given = "with" if settings.external_id is not None else "without"
    what = f"sts:AssumeRole on {settings.role} ({given} ROLE_EXTERNAL_ID)"
    try:
        answer = base.create_client("sts", region_name=region).assume_role(**wanted)
    except (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.ProfileNotFound) as error:
        raise ConfigurationError(
            f"{what}: there are no AWS credentials to assume it from: {error}"
        ) from None
    except sdk.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        message = " ".join(error.response.get("Error", {}).get("Message", "").split())
        if settings.external_id is not None:
            message = message.replace(settings.external_id.reveal(), "***")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500:  # noqa: PLR2004
            raise UnavailableError(f"{what} failed: {code}: {message}") from None
        raise ConfigurationError(
            f"{what} is refused ({code}: {message}); check ROLE_ARN, ROLE_EXTERNAL_ID and the"
            " role's trust policy"
        ) from None
    except sdk.BotoCoreError as error:
        line = " ".join(str(error).split())
        raise UnavailableError(f"{what} failed: {line}") from None
    made = answer["Credentials"]
    return {
        "access_key": made["AccessKeyId"],
        "secret_key": made["SecretAccessKey"],
        "token": made["SessionToken"],
        "expiry_time": made["Expiration"].isoformat(),
    }


def _open(settings: RoleSettings, context: AuthContext) -> Auth:
    return Auth(f"role {settings.role}", aws=lambda: assumed(settings, context.cluster))


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `assume-role`."""
    return [
        AuthMethod(
            "assume-role",
            "AWS credentials of an assumed role",
            RoleSettings,
            _open,
            variables=("ROLE_ARN", "ROLE_EXTERNAL_ID"),
            claims=("aws",),
            detect=lambda env: any(
                is_set(env, name)
                for name in ("ROLE_ARN", "ROLE_EXTERNAL_ID", "ROLE_EXTERNAL_ID_FILE")
            ),
        )
    ]
