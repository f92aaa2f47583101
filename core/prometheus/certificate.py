"""What a server's certificate says of itself, for the error about one that does not match."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from typing import Final

_SUBJECT_ALT_NAME: Final = b"\x06\x03\x55\x1d\x11"
_COMMON_NAME: Final = b"\x06\x03\x55\x04\x03"
_SEQUENCE: Final = b"\x30"
_DNS: Final = 0x82
_ADDRESS: Final = 0x87
_LONG: Final = 0x80


def names(host: str, port: int) -> str:
    """Ask for the certificate once more, without checking it, and say which names it has.

    Returns "" where it can't be had.
    """
    try:
        text = ssl.get_server_certificate((host.strip("[]"), port), timeout=5)
        der = ssl.PEM_cert_to_DER_cert(text)
        found = ", ".join(dict.fromkeys(_alternatives(der)))
        return found or f"no name but the common name {_common_name(der)!r}, which does not count"
    except (OSError, ValueError, IndexError):
        return ""


def _alternatives(der: bytes) -> Iterator[str]:
    """Yield the names of the extension subjectAltName (RFC 5280, 4.2.1.6): DNS and IP."""
    at = der.find(_SUBJECT_ALT_NAME)
    if at < 0:
        return
    at = der.index(_SEQUENCE, at + len(_SUBJECT_ALT_NAME))
    length, at = _length(der, at + 1)
    end = at + length
    while at < end:
        tag = der[at]
        size, at = _length(der, at + 1)
        value = der[at : at + size]
        if tag == _DNS:
            yield value.decode("ascii", "replace")
        elif tag == _ADDRESS:
            yield str(ipaddress.ip_address(value))
        at += size


def _common_name(der: bytes) -> str:
    """Return the subject's; the issuer's stands before it."""
    at = der.rindex(_COMMON_NAME) + len(_COMMON_NAME)
    size, at = _length(der, at + 1)
    return der[at : at + size].decode("utf-8", "replace")


def _length(der: bytes, at: int) -> tuple[int, int]:
    """Return a DER length and where the content begins."""
    first = der[at]
    if first < _LONG:
        return first, at + 1
    count = first & (_LONG - 1)
    return int.from_bytes(der[at + 1 : at + 1 + count]), at + 1 + count
