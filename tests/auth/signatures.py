"""A server that knows the secret: AWS Signature Version 4, checked by its published rules alone."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import socket
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

import attrs

from tests.servers.relay import Answer, Relay, Request, header, send
from tests.servers.s3 import Credentials

SERVICE = "aps"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)


class UnsignedError(Exception):
    """What is wrong with a signature."""


def _digest(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _text(request: Request, name: str) -> str:
    """Return a header's value; the bytes of a header are read as Latin-1, and meant as UTF-8."""
    return header(request.headers, name).encode("latin-1").decode()


def canonical(request: Request, names: list[str]) -> str:
    """Return the request in the form that is signed."""
    parts = urlsplit(request.target)
    if "+" in parts.query:
        raise UnsignedError("a + in the query: some read a blank, some a plus")
    pairs = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in (each.partition("=") for each in parts.query.split("&") if each)
    )
    headers = [f"{name}:{' '.join(_text(request, name).split())}\n" for name in names]
    return "\n".join(
        [
            request.method,
            quote(parts.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )


def check(request: Request, region: str, known: Callable[[str], Credentials | None]) -> Credentials:
    """Return whose request it is; raise `UnsignedError` unless its signature proves that."""
    found = _AUTHORIZATION.fullmatch(header(request.headers, "authorization"))
    if not found:
        raise UnsignedError("Missing Authentication Token")
    access_key, day, signed_region, service, signed, signature = found.groups()
    keys = known(access_key)
    if keys is None:
        raise UnsignedError("The security token included in the request is invalid.")
    if (signed_region, service) != (region, SERVICE):
        raise UnsignedError(f"Credential should be scoped to a valid region: {signed_region}")
    stamp = header(request.headers, "x-amz-date")
    moment = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    age = abs((dt.datetime.now(dt.UTC) - moment).total_seconds())
    if age > 300 or not stamp.startswith(day):
        raise UnsignedError(f"Signature expired: {stamp}")
    if header(request.headers, "x-amz-security-token") != keys.session_token:
        raise UnsignedError("The security token included in the request is invalid.")
    names = signed.split(";")
    sent = {name.lower() for name, _ in request.headers}
    must = {"host"} | {
        name for name in sent
        if name.startswith("x-amz-") or name in ("content-type", "x-scope-orgid", "token")
    }  # fmt: skip
    if missing := must - set(names):
        raise UnsignedError(f"unsigned headers: {missing}")
    if names != sorted(names) or not set(names) <= sent:
        raise UnsignedError(f"signed headers are not in order or not there: {names}")
    text = canonical(request, names)
    scope = f"{day}/{region}/{SERVICE}/aws4_request"
    key = _digest(f"AWS4{keys.secret_key}".encode(), day)
    for part in (region, SERVICE, "aws4_request"):
        key = _digest(key, part)
    hashed = hashlib.sha256(text.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
    right = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right, signature):
        raise UnsignedError(
            "The request signature we calculated does not match the signature you provided."
            f" The Canonical String for this request should have been '{text}'"
        )
    return keys


@attrs.define
class Workspaces:
    """What the server was asked that was signed right, and what was wrong with the rest."""

    signed: list[tuple[Request, Credentials]] = attrs.field(factory=list)
    wrong: list[str] = attrs.field(factory=list)


class Workspace(Relay):
    """A Prometheus behind `/workspaces/ws-1` that believes signatures, as Amazon's does."""

    prefix = "/workspaces/ws-1"

    def __init__(
        self, upstream: str, region: str, known: Callable[[str], Credentials | None]
    ) -> None:
        super().__init__(upstream)
        self.asked = Workspaces()
        self._region = region
        self._known = known

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Pass on what is signed."""
        try:
            keys = check(request, self._region, self._known)
            path, _, query = request.target.partition("?")
            if not path.startswith(f"{self.prefix}/api/v1/"):
                raise UnsignedError(f"no such workspace: {path}")  # noqa: TRY301
        except UnsignedError as error:
            self.asked.wrong.append(str(error))
            body = json.dumps({"message": str(error)}).encode()
            headers = [("Content-Type", "application/json")]
            send(connection, Answer(403, "Forbidden", headers, body), request)
            return True
        self.asked.signed.append((request, keys))
        target = path.removeprefix(self.prefix) + (f"?{query}" if query else "")
        send(connection, self.forward(attrs.evolve(request, target=target)), request)
        return True
