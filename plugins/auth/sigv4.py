"""The auth method `sigv4`: requests signed for Amazon Managed Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from requests import PreparedRequest
from requests.auth import AuthBase

from promferry.core.auth import Auth, AwsSession
from promferry.core.environ import var
from promferry.core.errors import ConfigurationError, KnownError, UnavailableError
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl

_HOST: Final = re.compile(
    r"(?:vpce-[a-z0-9-]+\.)?aps-workspaces(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?"
    r"(?:amazonaws\.com|api\.aws)(?:\.cn)?"
)
_SERVICE: Final = "aps"
# What a proxy on the way may change is not signed.
_UNSIGNED: Final = frozenset(
    {"connection", "accept-encoding", "user-agent", "accept", "expect", "content-length"}
)
_NO_KEYS: Final = (
    "there are no AWS credentials to sign with; give the pod a role, or set AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY"
)


@attrs.frozen
class SigV4Settings:
    """The region to sign for, where the host name does not say it."""

    region: str | None = var(
        "AWS_REGION", str, default=None, accepts="a region such as eu-west-1",
        help="The workspace's region, where the host name does not say it.",
    )  # fmt: skip


class SigV4(AuthBase):
    """Signs each request with AWS Signature Version 4, over all headers that others have set."""

    signs = True

    def __init__(self, region: str, aws: AwsSession | None) -> None:
        self._region = region
        self._aws = aws
        self._credentials: Any = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add `Authorization`, `X-Amz-Date` and, for temporary keys, `X-Amz-Security-Token`."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        # A blank is `+` in a form but %20 in what is signed; AWS reads the latter in both.
        path, mark, query = str(request.url).partition("?")
        request.url = path + mark + query.replace("+", "%20")
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
            if name.lower() not in _UNSIGNED
        }
        body = request.body or b""
        signed = AWSRequest(
            method=request.method,
            url=request.url,
            data=body.encode() if isinstance(body, str) else body,
            headers=headers,
        )
        SigV4Auth(self._keys(), _SERVICE, self._region).add_auth(signed)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        return request

    def _keys(self) -> Any:
        """Return keys that belong together: the SDK may renew them between two looks."""
        import botocore.session
        from botocore import exceptions as sdk

        try:
            if self._credentials is None:
                session = self._aws() if self._aws is not None else botocore.session.get_session()
                self._credentials = session.get_credentials()
            if self._credentials is None:
                raise ConfigurationError(f"AWS signature: {_NO_KEYS}")
            return self._credentials.get_frozen_credentials()
        except sdk.ClientError as error:
            said = " ".join(str(error).split())
            raise ConfigurationError(
                f"AWS signature: {said}; check the role, its trust policy and what the pod is"
                " given to assume it"
            ) from None
        except (sdk.PartialCredentialsError, sdk.ProfileNotFound) as error:
            raise ConfigurationError(f"AWS signature: {error}; {_NO_KEYS}") from None
        except KnownError:
            raise
        except (sdk.BotoCoreError, OSError) as error:
            line = " ".join(str(error).split())
            raise UnavailableError(f"AWS signature: the credentials can't be had: {line}") from None


def _open(settings: SigV4Settings, context: AuthContext) -> Auth:
    found = _HOST.fullmatch(urlsplit(context.url).hostname or "")
    region = found[1] if found else settings.region or _configured_region()
    if region is None:
        raise ConfigurationError(
            f"sigv4 signs for a region, and {context.url} does not say which; set AWS_REGION"
        )
    return Auth(f"AWS signature for {region}", http=SigV4(region, context.aws))


def _configured_region() -> str | None:
    """Return the region that the AWS SDK is configured for: AWS_DEFAULT_REGION, a profile."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        region: str | None = botocore.session.get_session().get_config_variable("region")
    except BotoCoreError as error:
        raise ConfigurationError(f"AWS signature: {error}") from None
    return region


def _detect(environ: Mapping[str, str]) -> bool:
    return _HOST.fullmatch(environ.get("HOSTNAME", "").strip()) is not None


@hookimpl
def promferry_auth_methods() -> list[AuthMethod]:
    """Bring the method `sigv4`."""
    return [
        AuthMethod(
            "sigv4",
            "requests signed for Amazon Managed Prometheus",
            SigV4Settings,
            _open,
            variables=("HOSTNAME", "AUTH"),
            claims=("authorization",),
            detect=_detect,
        )
    ]
