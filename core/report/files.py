"""The exported files of a day that a report needs, as files on this machine."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import attrs

from ..contents import days, objects
from ..packing import SpoolError
from ..sink import Sink
from ..windows import DAY

Files = Mapping[str, list[Path]]
"""The files of a day by metric; a metric without one is not there."""


@attrs.frozen
class Source:
    """Where the files come from: a cluster in a sink, and the time that is looked at.

    `begin` and `end` are Unix seconds, `begin <= moment < end`; None is open.
    """

    sink: Sink
    cluster: str
    begin: int | None = None
    end: int | None = None

    def days(self) -> list[tuple[int, str]]:
        """Return (midnight, folder) of each day that has a part in the range, in order."""
        return sorted(
            (day, folder)
            for day, folder in days(self.sink, self.cluster)
            if (self.end is None or day < self.end)
            and (self.begin is None or day + DAY > self.begin)
        )

    def files(self, day: int, folder: str, metrics: Collection[str], room: Path) -> Files:
        """Return the files of these metrics on a day.

        What the sink keeps as a file of this machine is read in place; all else is copied into the
        folder `room`.
        """
        found: dict[str, list[Path]] = defaultdict(list)
        for stored in objects(self.sink, day, folder, metrics):
            path = self._here(stored.key) or self._copied(stored.key, room)
            if path is not None:
                found[stored.place.metric].append(path)
        return found

    def _here(self, key: str) -> Path | None:
        place = self.sink.locate(key)
        path = Path(place)
        return path if "://" not in place and path.is_file() else None

    def _copied(self, key: str, room: Path) -> Path | None:
        blob = self.sink.get(key)
        if blob is None:  # retention has taken it since it was listed
            return None
        path = room / key.rpartition("/")[2]
        with blob.body as body:
            try:
                with path.open("wb") as file:
                    shutil.copyfileobj(body, file, 1 << 20)
            except OSError as error:
                raise SpoolError.of(str(room.parent), key, error) from error
        return path
