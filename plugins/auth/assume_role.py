"""The auth method `assume-role`: AWS credentials of another role, kept fresh."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import attrs

from promferry.core.auth import Auth
from promferry.core.environ import is_set, secret, var
from promferry.core.errors import ConfigurationError, UnavailableError
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl
from promferry.core.secret import Secret

_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_REGIONS: Final = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_ANY_REGION: Final = "us-east-1"
# The SDK renews 15 minutes before the end: with a session of 15 minutes that is every request.
_RENEW_BEFORE: Final = 300  # seconds; should STS fail now, the old credentials are still good
_RENEW_AT_LAST: Final = 60  # seconds; nothing is sent any more without new ones


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
    region: str | None = var(
        "AWS_REGION", str, default=None, accepts="a region such as eu-west-1",
        help="The region whose STS is asked; as everywhere in AWS.",
    )  # fmt: skip


def session_name(cluster: str) -> str:
    """Return the name that the role's session has in audit logs: `promferry-<cluster>`."""
    return re.sub(r"[^\w+=,.@-]", "-", f"promferry-{cluster}", flags=re.ASCII)[:64]


@attrs.frozen
class Role:
    """A role to assume, by whatever identity the AWS SDK finds. `now` tells Unix seconds."""

    settings: RoleSettings
    cluster: str
    now: Callable[[], float]

    def session(self) -> Any:
        """Return a botocore session whose credentials are the role's, renewed before they end."""
        import botocore.session

        session = botocore.session.get_session()
        session.register_component("credential_provider", self)
        return session

    def load_credentials(self) -> Any:
        """Assume the role; the session calls this when its credentials are first needed."""
        import botocore.session
        from botocore.credentials import RefreshableCredentials

        base = botocore.session.get_session()
        first = self._assume(base)
        return RefreshableCredentials(
            first["access_key"],
            first["secret_key"],
            first["token"],
            dt.datetime.fromisoformat(first["expiry_time"]),
            refresh_using=lambda: self._assume(base),
            method="assume-role",
            time_fetcher=lambda: dt.datetime.fromtimestamp(self.now(), dt.UTC),
            advisory_timeout=_RENEW_BEFORE,
            mandatory_timeout=_RENEW_AT_LAST,
        )

    def _assume(self, base: Any) -> dict[str, str]:
        from botocore import exceptions as sdk
        from botocore.config import Config

        settings = self.settings
        wanted = {"RoleArn": settings.role, "RoleSessionName": session_name(self.cluster)}
        if settings.external_id is not None:
            wanted["ExternalId"] = settings.external_id.reveal()
        config = Config(connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 3})
        try:
            region = settings.region or base.get_config_variable("region") or _home(settings.role)
            with closing(base.create_client("sts", region_name=region, config=config)) as sts:
                made = sts.assume_role(**wanted)["Credentials"]
        except sdk.ClientError as error:
            raise self._meaning(error) from None
        except (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.ProfileNotFound) as error:
            raise ConfigurationError(
                f"{self._what()}: there are no AWS credentials to assume it from: {_line(error)};"
                " give the pod a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
        except (
            sdk.ConnectionError,
            sdk.HTTPClientError,
            sdk.CredentialRetrievalError,
            sdk.MetadataRetrievalError,
        ) as error:
            raise UnavailableError(f"{self._what()} failed: {_line(error)}") from None
        except (sdk.BotoCoreError, ValueError) as error:
            raise ConfigurationError(f"{self._what()}: {_line(error)}") from None
        return {
            "access_key": made["AccessKeyId"],
            "secret_key": made["SecretAccessKey"],
            "token": made["SessionToken"],
            "expiry_time": made["Expiration"].isoformat(),
        }

    def _what(self) -> str:
        external = self.settings.external_id
        given = f"with {external.variable}" if external is not None else "without ROLE_EXTERNAL_ID"
        return f"sts:AssumeRole on {self.settings.role} ({given})"

    def _meaning(self, error: Any) -> Exception:
        """Return what an answer of STS stands for."""
        answer = error.response.get("Error", {})
        said = f"{answer.get('Code', '')}: {' '.join(answer.get('Message', '').split())}"
        if self.settings.external_id is not None:
            said = said.replace(self.settings.external_id.reveal(), "***")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        throttled = "Throttl" in said or "RequestLimitExceeded" in said
        if status >= 500 or throttled:  # noqa: PLR2004
            return UnavailableError(f"{self._what()} failed: {said}")
        if error.operation_name != "AssumeRole":  # how the SDK came by the pod's own identity
            return ConfigurationError(
                f"{self._what()}: the identity to assume it from can't be had, since"
                f" sts:{error.operation_name} is refused ({said}); check AWS_ROLE_ARN,"
                " AWS_WEB_IDENTITY_TOKEN_FILE and the trust policy of that role"
            )
        return ConfigurationError(
            f"{self._what()} is refused ({said}); check ROLE_ARN, ROLE_EXTERNAL_ID and the role's"
            " trust policy"
        )


def _home(arn: str) -> str:
    """Return a region of the role's partition, where no setting says one."""
    return _REGIONS.get(arn.split(":")[1], _ANY_REGION)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _open(settings: RoleSettings, context: AuthContext) -> Auth:
    return Auth(f"role {settings.role}", aws=Role(settings, context.cluster, context.now).session)


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
