"""The sink: write, read, list and delete one small object beside the exported ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Final
from uuid import uuid4

from ..errors import ConfigurationError, KnownError, UnavailableError
from ..layout import STATE
from ..planner import check_beginning
from ..settings import WindowSettings
from ..sink import Sink
from .finding import Code, Finding, Level, of_error

_BODY: Final = b"written by `promferry check`, and to be deleted by it\n"


class _Probe:
    """One object whose name begins with `_` and has no place in the layout: nobody's data."""

    def __init__(self, sink: Sink, cluster: str) -> None:
        self._sink = sink
        self._cluster = cluster
        self._name = f"_check_{uuid4().hex}"
        self._key = f"{cluster}/{self._name}"
        self._is_written = False

    def write(self) -> None:
        self._sink.put(self._key, io.BytesIO(_BODY))
        self._is_written = True

    def read(self) -> None:
        blob = self._sink.get(self._key)
        found = b""
        if blob is not None:
            with blob.body as body:
                found = body.read()
        if self._is_written and found != _BODY:
            raise KnownError("what was written comes back as something else or not at all")

    def list(self) -> None:
        names = {entry.name for entry in self._sink.list(self._cluster)}
        if self._is_written and self._name not in names:
            raise KnownError("what was written is not in the listing")

    def delete(self) -> None:
        self._sink.delete(self._key)


def sink(opened: Sink, cluster: str) -> Iterator[Finding]:
    """Yield what could not be done, each with its cure; a right that is missing hides no other."""
    probe = _Probe(opened, cluster)
    place = opened.locate(cluster)
    steps: tuple[tuple[Code, Callable[[], None]], ...] = (
        (Code.SINK_WRITE, probe.write),
        (Code.SINK_READ, probe.read),
        (Code.SINK_LIST, probe.list),
        (Code.SINK_DELETE, probe.delete),
    )
    failed = False
    for code, step in steps:
        try:
            step()
        except KnownError as error:
            failed = True
            yield of_error(error, code, place)
            if isinstance(error, UnavailableError):
                break  # it does not serve: the other steps would only knock again
    if not failed:
        yield Finding(Level.OK, Code.SINK, place, "writes, reads, lists and deletes")


def beginning(
    opened: Sink, cluster: str, settings: WindowSettings, now: float
) -> Iterator[Finding]:
    """Yield what a first run would refuse of `INITIAL_BACKFILL_DATE`; later ones do not look."""
    try:
        check_beginning(settings, now)
    except ConfigurationError as error:
        try:
            state = opened.get(f"{cluster}/{STATE}")
        except KnownError:
            return  # said already
        if state is None:
            yield of_error(error, Code.HISTORY_BEGINNING, "INITIAL_BACKFILL_DATE")
        else:
            state.body.close()
