"""Retention: deleting the days that are older than was asked for, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from .contents import days, objects
from .errors import KnownError, UnavailableError
from .sink import Sink
from .windows import DAY, midnight

log = logging.getLogger(__name__)


@attrs.frozen
class Pruned:
    """What retention did: the midnight before which all is due, objects and bytes deleted.

    `failed` holds a line for each key that could not be deleted.
    """

    before: int
    objects: int = 0
    size: int = 0
    failed: tuple[str, ...] = ()


def cutoff(now: float, retention_days: int) -> int:
    """Return the midnight before which days are due: today's, less the days to keep."""
    return midnight(int(now)) - retention_days * DAY


def prune(
    sink: Sink, cluster: str, before: int, *, dry_run: bool, told: Callable[[str], None]
) -> Pruned:
    """Delete every object of this layout, below this cluster, of a day before `before`.

    `told` gets the place of each. A key that can't be deleted is reported, and tried again by the
    next run since it is still there.
    """
    number = size = 0
    failed: list[str] = []
    for day, folder in list(days(sink, cluster)):
        if day >= before:
            continue
        for stored in list(objects(sink, day, folder)):
            try:
                if not dry_run:
                    sink.delete(stored.key)
            except UnavailableError:
                raise
            except KnownError as error:
                failed.append(str(error))
                continue
            told(sink.locate(stored.key))
            number += 1
            size += stored.size
    return Pruned(before, number, size, tuple(failed))
