"""Noticing that a server has forgotten what the sink still holds.

A Prometheus that lost its disk, or whose retention has passed over a window, answers with less than
it did; what was exported before must not be overwritten by that.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

import attrs
import msgspec

from .packing import unpack


class _Series(msgspec.Struct):
    values: list[tuple[float, msgspec.Raw]] = []
    histograms: list[tuple[float, msgspec.Raw]] = []


@attrs.frozen
class Look:
    """What an object holds: samples of before a moment, and the time of its last sample."""

    before: int = 0
    last: float = 0.0


def look(body: BinaryIO, moment: int) -> Look:
    """Count the samples of an object before `moment`; none where it can't be read."""
    decoder = msgspec.json.Decoder(_Series)
    before, last = 0, 0.0
    try:
        for line in unpack(body):
            series = decoder.decode(line)
            for found in (series.values, series.histograms):
                before += sum(at < moment for at, _ in found)
                last = max([last, *(at for at, _ in found[-1:])])
    except (zlib.error, msgspec.DecodeError):
        return Look()
    return Look(before, last)
