"""What an auth method gives: headers for Prometheus, AWS credentials, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from requests.auth import AuthBase


class AwsSession(Protocol):
    """A source of AWS credentials that keep themselves fresh."""

    def __call__(self) -> Any:
        """Return a `botocore.session.Session`; called once by whoever needs credentials."""


@attrs.frozen
class Auth:
    """What one opened auth method brings.

    `http` signs or decorates each request to Prometheus (requests calls it for every one).
    `aws` gives credentials to the S3 sink and to methods that sign with AWS keys.
    `description` says what is tried and from which variable, never the secret itself:
    "bearer token from PROMETHEUS_BEARER_AUTH_TOKEN_FILE".
    """

    description: str
    http: AuthBase | None = None
    aws: AwsSession | None = None
