"""Prometheus' remote write, version 1: protobuf in snappy's framing, both by hand.

The messages are four and flat, and snappy allows text that is not compressed: no library is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from .history import History

_MOST = 4_000_000  # bytes of one request
_LITERAL_MOST = 65536
_SHORT_LITERAL = 60
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The value by which Prometheus notes that a series has ended here."""


def requests_of(history: History) -> Iterator[bytes]:
    """Yield the bodies of the requests that write the whole history, a series after the other."""
    stamps: dict[float, bytes] = {}
    body: list[bytes] = []
    size = 0
    for name, labels, samples in history.series():
        message = _time_series({**labels, "__name__": name}, samples, stamps)
        body.append(message)
        size += len(message)
        if size > _MOST:
            yield _snappy(b"".join(body))
            body, size = [], 0
    if body:
        yield _snappy(b"".join(body))


def _time_series(
    labels: Mapping[str, str], samples: Iterable[tuple[float, float]], stamps: dict[float, bytes]
) -> bytes:
    parts = [_field(1, _field(1, k.encode()) + _field(2, v.encode()))
             for k, v in sorted(labels.items())]  # fmt: skip
    pack = struct.Struct("<d").pack
    for t, value in samples:
        stamp = stamps.get(t)
        if stamp is None:
            stamp = stamps[t] = b"\x10" + _varint(round(t * 1000))
        # Sample: the value as a double (field 1), the milliseconds (field 2)
        parts.append(b"\x12%c\x09%b%b" % (9 + len(stamp), pack(value), stamp))
    return _field(1, b"".join(parts))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _snappy(data: bytes) -> bytes:
    parts = [_varint(len(data))]
    for start in range(0, len(data), _LITERAL_MOST):
        piece = data[start : start + _LITERAL_MOST]
        length = len(piece) - 1
        if length < _SHORT_LITERAL:
            parts.append(bytes([length << 2]))
        else:
            parts.append(b"\xf4" + struct.pack("<H", length))  # a literal, its length in two bytes
        parts.append(piece)
    return b"".join(parts)
