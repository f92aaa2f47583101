"""What the sink holds of one cluster, listed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ..contents import days, objects
from ..packing import Packing
from ..progress import progress
from ..sink import Sink


@attrs.frozen
class Held:
    """One object: its size in bytes, and whether it has a line in it."""

    size: int
    is_empty: bool


Holdings = Mapping[str, Mapping[int, Held]]
"""Objects by metric and start of their window, Unix seconds."""


def holdings(sink: Sink, cluster: str, since: int) -> Holdings:
    """List every object of ours of the days from the midnight `since` on.

    One listing a day and metric: that is what the layout and the rights that the job has allow.
    """
    found: dict[str, dict[int, Held]] = {}
    folders = [(day, folder) for day, folder in days(sink, cluster) if day >= since]
    with progress(len(folders), "listing") as bar:
        for day, folder in folders:
            for stored in objects(sink, day, folder):
                held = Held(stored.size, is_empty=stored.size <= EMPTY_SIZE)
                found.setdefault(stored.place.metric, {})[stored.place.start] = held
            bar.advance(folder)
    return found


def _size_of_nothing() -> int:
    with Packing() as packing:
        _, size = packing.finish()
    return size


EMPTY_SIZE: Final = _size_of_nothing()
"""Bytes of an object without a line: no object with one is as small."""
