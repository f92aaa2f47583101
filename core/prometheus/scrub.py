"""What a server says, without what we sent it as credentials: some echo a whole request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import requests
import urllib3

# Headers that hold no secret; whatever else a request has was put there by an auth method.
_PLAIN: Final = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-length", "content-type", "host",
        "user-agent", "x-amz-date", "x-scope-orgid",
    }
)  # fmt: skip
_HIDDEN: Final = "***"
_CHUNK: Final = 1 << 12


def said_by(response: requests.Response) -> str:
    """Return the beginning of an error's body, scrubbed; what came before a reset counts too."""
    said = b""
    try:
        while len(said) < _CHUNK and (chunk := response.raw.read1(_CHUNK, decode_content=True)):
            said += chunk
    except (urllib3.exceptions.HTTPError, OSError):
        pass  # a server that refuses often closes before it has read all of the request
    return scrubbed(said.decode("utf-8", "replace"), response)


def scrubbed(said: str, response: requests.Response) -> str:
    """Return what the server said with every secret of the request hidden."""
    for secret in sorted(set(_secrets(response.request)), key=len, reverse=True):
        said = said.replace(secret, _HIDDEN)
    return said


def _secrets(request: requests.PreparedRequest) -> Iterator[str]:
    for name, value in (request.headers or {}).items():
        if name.lower() in _PLAIN:
            continue
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        scheme, blank, credentials = text.partition(" ")
        parts = [credentials] if blank and name.lower() == "authorization" else [text]
        if scheme.lower() == "basic":
            parts += _pair(credentials)
        for part in filter(None, parts):
            yield part
            yield quote(part, safe="")
            yield part.encode("unicode_escape").decode()


def _pair(credentials: str) -> list[str]:
    """Return user name and password, together and alone."""
    try:
        pair = base64.b64decode(credentials).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    user, _, password = pair.partition(":")
    return [pair, password, user]
