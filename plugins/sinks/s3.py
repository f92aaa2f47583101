"""The sink `s3`: Amazon S3 and whatever speaks its API.

It works under the narrowest policy: `s3:ListBucket` with delimiter `/` below the prefix, and Get,
Put and Delete of objects below it. So there is no HeadBucket, no recursive listing and no multipart
upload, and a 403 for an object may mean that it is not there; a listing of its folder tells.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, Final, cast

import attrs

from promferry.core.environ import var
from promferry.core.errors import ConfigurationError, ConflictError, UnavailableError
from promferry.core.hooks import SinkContext, SinkPlugin, hookimpl
from promferry.core.sink import ABSENT, Blob, Entry
from promferry.plugins.sinks.prefix import key_prefix

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:s3:[a-z0-9-]*:\d{12}:accesspoint[/:][A-Za-z0-9-]+")
_DENIED: Final = {"403", "AccessDenied", "AllAccessDisabled", "Forbidden"}
_CREDENTIALS: Final = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "TokenRefreshRequired", "AuthorizationHeaderMalformed",
}  # fmt: skip
_GONE: Final = {"404", "NoSuchKey", "NotFound"}
_CONFLICT: Final = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_TRIES: Final = 4
_CHUNK: Final = 1 << 18
_IN_MEMORY: Final = 4 << 20
_UNKNOWN_CONDITION: Final = {"501", "NotImplemented"}


def _bucket(text: str) -> str:
    if "://" in text or ("/" in text.removeprefix("arn:") and not _ARN.fullmatch(text)):
        raise ValueError("the name only, no s3:// and no path; the path goes into S3_PREFIX")
    if not _BUCKET.fullmatch(text) and not _ARN.fullmatch(text):
        raise ValueError
    return text


@attrs.frozen
class S3Settings:
    """Which bucket, and where in it."""

    bucket: str = var(
        "S3_BUCKET", _bucket, accepts="a bucket's name",
        help="The bucket that the exported metrics are stored in.",
    )  # fmt: skip
    prefix: str = var(
        "S3_PREFIX", key_prefix, accepts="a key prefix such as k8s/prometheus",
        help="The prefix of every key; the cluster's folder is below it.",
    )  # fmt: skip


class S3Sink:
    """Objects in a bucket; every call is one request, repeated by the SDK where that helps."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/"
        self._conditions = True

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        """Store with a single PutObject."""
        condition: dict[str, str] = {}
        if if_version is not None and self._conditions:
            condition = {"IfNoneMatch": "*"} if if_version == ABSENT else {"IfMatch": if_version}
        begin = body.tell()
        try:
            with self._said("s3:PutObject", key):
                for tries_left in range(_TRIES - 1, -1, -1):
                    body.seek(begin)
                    answer = self._client.put_object(
                        Bucket=self._bucket, Key=self._prefix + key, Body=body, **condition
                    )
                    if _is_from_s3(answer, last=not tries_left):
                        return
        except _UnknownConditionError:
            self._conditions = False
            body.seek(begin)
            self.put(key, body)

    def get(self, key: str) -> Blob | None:
        """Return the object; where the answer is 403, a listing tells whether it is there.

        The body is fetched whole, so that a connection that breaks off half-way is tried again
        here: the SDK repeats a request only until the answer's headers are there.
        """
        from botocore.exceptions import BotoCoreError

        with self._said("s3:GetObject", key):
            for tries_left in range(_TRIES - 1, -1, -1):
                answer = self._answer(key)
                if answer is None:
                    return None
                if not _is_from_s3(answer, last=not tries_left):
                    continue
                try:
                    return Blob(_whole(answer["Body"]), answer["ETag"])
                except (BotoCoreError, OSError):
                    if not tries_left:
                        raise
        raise AssertionError

    def _answer(self, key: str) -> Any:
        """Return the answer with its body unread; None where there is no such object."""
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            code = _code(error)
            if code in _GONE:
                return None
            if code not in _DENIED:
                raise
            try:
                listed = self._is_listed(key)
            except ConfigurationError as unlisted:
                raise ConfigurationError(
                    f"s3:GetObject on {self.locate(key)} is denied, or it is not there; which of"
                    f" both can't be told: {unlisted}"
                ) from None
            if not listed:
                return None
            raise

    def list(self, folder: str) -> Iterable[Entry]:
        """List one level, page by page."""
        prefix = f"{self._prefix}{folder}/" if folder else self._prefix
        token: dict[str, str] = {}
        entries: list[Entry] = []
        while True:
            with self._said("s3:ListBucket", folder):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=prefix, Delimiter="/", **token
                )
            folders = (each["Prefix"] for each in page.get("CommonPrefixes", ()))
            entries += [Entry(each[len(prefix) : -1], is_folder=True) for each in folders]
            for each in page.get("Contents", ()):
                name = each["Key"][len(prefix) :]
                if name:
                    modified = each["LastModified"].timestamp()
                    entries.append(
                        Entry(name, is_folder=False, size=each["Size"], modified=modified)
                    )
            if not page.get("IsTruncated"):
                return sorted(entries, key=lambda entry: entry.name)
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, key: str) -> None:
        """Delete one object."""
        with self._said("s3:DeleteObject", key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def locate(self, key: str) -> str:
        """Return the object's address."""
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _is_listed(self, key: str) -> bool:
        folder, _, name = key.rpartition("/")
        return any(entry.name == name and not entry.is_folder for entry in self.list(folder))

    @contextmanager
    def _said(self, action: str, key: str) -> Iterator[None]:
        """Turn the SDK's errors into lines that say what to do."""
        from botocore import exceptions as sdk

        try:
            yield
        except sdk.ClientError as error:
            raise self._meaning(error, action, key) from None
        except (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.ProfileNotFound) as error:
            raise ConfigurationError(
                f"no AWS credentials for {self.locate(key)}: {error}; give the pod a role, or set"
                " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
        except (
            sdk.NoRegionError,
            sdk.ParamValidationError,
            sdk.InvalidEndpointDiscoveryConfigurationError,
        ) as error:
            line = " ".join(str(error).split())
            raise ConfigurationError(f"{action} on {self.locate(key)}: {line}") from None
        except (sdk.BotoCoreError, OSError) as error:
            line = " ".join(str(error).split())
            raise UnavailableError(f"{action} on {self.locate(key)} failed: {line}") from None

    def _meaning(self, error: Any, action: str, key: str) -> Exception:
        code, message = (
            _code(error),
            " ".join(str(error.response["Error"].get("Message", "")).split()),
        )
        resource = f"arn:aws:s3:::{self._bucket}"
        if action != "s3:ListBucket":
            resource += f"/{self._prefix}{key}"
        said = f"{code}: {message}" if message else code
        if code in _DENIED:
            return ConfigurationError(
                f"{action} on {resource} is denied ({said}); allow it in the policy of the role or"
                " user, and check S3_BUCKET and S3_PREFIX"
            )
        if code == "NoSuchBucket":
            return ConfigurationError(f"the bucket {self._bucket!r} does not exist; set S3_BUCKET")
        if code in _CREDENTIALS:
            return ConfigurationError(f"{action} on {resource}: the AWS credentials fail ({said})")
        if code in ("PermanentRedirect", "301", "IllegalLocationConstraintException"):
            return ConfigurationError(
                f"the bucket {self._bucket!r} is in another region ({said}); set AWS_REGION"
            )
        gone = action == "s3:PutObject" and code in _GONE  # If-Match, and the object was deleted
        if code in _CONFLICT or gone:
            return ConflictError(f"{self.locate(key)} was changed by another run")
        if code in _UNKNOWN_CONDITION and self._conditions:
            return _UnknownConditionError()
        return UnavailableError(f"{action} on {self.locate(key)} failed: {said}")


class _UnknownConditionError(Exception):
    """The store does not know conditional puts."""


def _is_from_s3(answer: Any, *, last: bool) -> bool:
    """Whether an answer of success is S3's, and not a sign-in page of a proxy, say.

    Raises where it is not and this was the `last` try.
    """
    if answer.get("ETag"):
        return True
    if last:
        raise OSError(
            "the answer has no ETag, so it is not from S3; is there a proxy between, or"
            " AWS_ENDPOINT_URL_S3 wrong?"
        )
    return False


def _whole(body: Any) -> BinaryIO:
    """Read a body to its end into memory, or the temporary folder where it is large."""
    fetched: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    try:
        with body:
            for chunk in body.iter_chunks(_CHUNK):
                fetched.write(chunk)
    except BaseException:
        fetched.close()
        raise
    fetched.seek(0)
    return cast("BinaryIO", fetched)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _open(settings: S3Settings, context: SinkContext) -> S3Sink:
    # The SDK takes a quarter of a second to import: only runs that use this sink pay for it.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        base = context.aws() if context.aws is not None else None
        session = boto3.session.Session(botocore_session=base)
        region = session.region_name or os.environ.get("AWS_REGION") or None
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra="promferry",
        )
        client = session.client("s3", region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        line = " ".join(str(error).split())
        raise ConfigurationError(f"the S3 client can't be made: {line}") from None
    return S3Sink(client, settings.bucket, settings.prefix)


@hookimpl
def promferry_sinks() -> list[SinkPlugin]:
    """Bring the sink `s3`."""
    return [SinkPlugin("s3", "Amazon S3 and compatible stores", S3Settings, _open)]
