"""The auth method `sigv4`: requests signed for Amazon Managed Prometheus."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from requests import PreparedRequest
from requests.auth import AuthBase

from promferry.core.auth import Auth, AwsSession
from promferry.core.errors import ConfigurationError
from promferry.core.hooks import AuthContext, AuthMethod, hookimpl

_HOST = re.compile(r"aps-workspaces(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)(?:\.cn)?")
_SERVICE = "aps"
_UNSIGNED = frozenset({"connection", "accept-encoding", "user-agent", "accept", "expect"})


@attrs.frozen
class SigV4Settings:
    """Its settings are the AWS SDK's own."""


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

        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in _UNSIGNED
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
        from botocore.exceptions import BotoCoreError

        if self._credentials is None:
            import botocore.session

            session = self._aws() if self._aws is not None else botocore.session.get_session()
            try:
                self._credentials = session.get_credentials()
            except BotoCoreError as error:
                raise ConfigurationError(f"no AWS credentials for SigV4: {error}") from None
            if self._credentials is None:
                raise ConfigurationError(
                    "no AWS credentials for SigV4; give the pod a role, or set AWS_ACCESS_KEY_ID"
                    " and AWS_SECRET_ACCESS_KEY"
                )
        return self._credentials


def _region(url: str) -> str | None:
    found = _HOST.fullmatch(urlsplit(url).hostname or "")
    if found:
        return found[1]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(name):
            return os.environ[name]
    return None


def _open(settings: SigV4Settings, context: AuthContext) -> Auth:
    del settings
    region = _region(context.url)
    if region is None:
        raise ConfigurationError("SigV4 signs for a region, and none is set; set AWS_REGION")
    return Auth(f"AWS signature for {region}", http=SigV4(region, context.aws))


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
