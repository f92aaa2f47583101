"""Exporting one window of one metric: query it, in pieces where needed, and store the object."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import BinaryIO, Final

import attrs

from . import layout
from .catalogue import Metric
from .clock import Clock
from .errors import TryLaterError, UnavailableError
from .forgetting import look
from .pace import Pace
from .packing import Packing, SpoolError, unpack
from .prometheus.client import MOST_POINTS, Client, Query
from .prometheus.errors import BrokenAnswerError, TooMuchError
from .prometheus.framing import Counts
from .retry import Retries, RetryPolicy
from .sink import Sink
from .stop import Stop
from .times import iso
from .windows import Window, halves, pieces

log = logging.getLogger(__name__)

_LARGEST_OBJECT: Final = 5 << 30


@attrs.frozen
class Task:
    """A window of a metric to be exported up to `until`; `known` is how far it is recorded.

    `again` says that a person asked for it, recorded or not.
    """

    metric: Metric
    window: Window
    until: int
    known: int
    again: bool = False


@attrs.frozen
class Written:
    """One object as it was stored; bytes as stored, seconds from first query to stored."""

    key: str
    series: int
    samples: int
    size: int
    seconds: float


class Exporter:
    """Turns tasks into objects. Remembers for the run which range each metric can be asked for."""

    def __init__(
        self,
        client: Client,
        sink: Sink,
        *,
        cluster: str,
        time_frame: int,
        pace: Pace,
        clock: Clock,
        stop: Stop,
        policy: RetryPolicy,
    ) -> None:
        self._client = client
        self._sink = sink
        self._cluster = cluster
        self._time_frame = time_frame
        self._pace = pace
        self._clock = clock
        self._stop = stop
        self._policy = policy
        self._span: dict[str, int] = {}

    def export(self, task: Task) -> Written:
        """Query the window and store its object.

        The object is put only when the whole answer has been checked. Raises `RejectedError` where
        the metric's query can't work, `UnavailableError` where server or sink are down, and
        `TryLaterError` for anything that concerns this window alone.
        """
        began = self._clock.monotonic()
        key = layout.key(self._cluster, task.metric.name, task.window.start)
        total = Counts()
        with Packing() as packing:
            self._collect(task, task.window.start, packing, total)
            body, size = packing.finish()
            kept = self._forgotten(task, key, body)
            if kept is None:
                self._put(key, body, size)
        if kept is not None:
            size = self._prolong(task, key, kept, total)
        seconds = self._clock.monotonic() - began
        return Written(key, total.series, total.samples, size, seconds)

    def _put(self, key: str, body: BinaryIO, size: int) -> None:
        if size > _LARGEST_OBJECT:
            raise TryLaterError(f"{key}: {size} bytes are more than one object may hold")
        with self._stop.breakable():  # a put is atomic: broken off, the window is repeated
            self._sink.put(key, body)

    def _forgotten(self, task: Task, key: str, body: BinaryIO) -> int | None:
        """Return up to when the stored object is kept, where the server gives less than it holds.

        A window that a person asked for again may shrink (its definition was mended, say), but not
        to nothing.
        """
        if task.known <= task.window.start or (blob := self._sink.get(key)) is None:
            return None
        with blob.body as stored:
            held = look(stored, task.known)
        if not held.before:
            return None
        given = look(body, task.known)
        body.seek(0)
        if given.before >= (1 if task.again else held.before):
            return None
        step = task.metric.step  # a run that was killed may have stored more than it recorded
        return max(task.known, int(held.last) + step)

    def _prolong(self, task: Task, key: str, kept: int, total: Counts) -> int:
        """Write what is stored of the window, and what the server gives from `kept` on."""
        log.warning(
            "%s: the server has forgotten samples of before %s; what is stored is kept",
            self._sink.locate(key),
            iso(task.known),
        )
        blob = self._sink.get(key)
        assert blob is not None
        total.series = total.samples = 0
        with Packing() as packing:
            with blob.body as stored:
                for line in unpack(stored):
                    packing.write(line + b"\n")
            packing.keep()
            if task.until > kept:
                self._collect(task, kept, packing, total)
            body, size = packing.finish()
            self._put(key, body, size)
        return size

    def _collect(self, task: Task, begin: int, packing: Packing, total: Counts) -> None:
        """Fill `packing` with every series of the window from `begin` on, piece by piece."""
        metric, step = task.metric, task.metric.step
        span = min(self._span.get(metric.name, self._time_frame), MOST_POINTS * step)
        todo = list(pieces(begin, task.until, span, step))[::-1]
        while todo:
            query = Query(metric.query, *todo.pop(), step)
            todo.extend(reversed(self._piece(metric.name, query, packing, total)))

    def _piece(
        self, name: str, query: Query, packing: Packing, total: Counts
    ) -> Sequence[tuple[int, int]]:
        """Pack the answer to one query; return the ranges to ask for instead, if it is too much."""
        retries = Retries(self._policy, self._clock)
        while True:
            failure: TooMuchError | BrokenAnswerError
            try:
                self._query(query, packing, total)
            except TooMuchError as error:
                packing.roll_back()
                failure = error
                if shorter := self._halved(name, query, error):
                    return shorter
            except BrokenAnswerError as error:
                packing.roll_back()
                failure = error
            except SpoolError as error:
                raise SpoolError(f"{name}: {error}") from error
            except UnavailableError as error:
                log.info("%s", error)
                if not self._wait(retries, None):
                    raise
                continue
            else:
                return ()
            log.info("%s: %s", name, failure)
            if not self._wait(retries, failure.retry_after):
                raise self._given_up(failure)

    def _halved(
        self, name: str, query: Query, error: TooMuchError
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return the halves to ask for, or None where one step is left.

        Waits first where the server asked for it or has more to do than it can.
        """
        if error.silent and not self._is_up():
            raise self._down(error)
        shorter = halves(query.start, query.end, query.step)
        if shorter is None:
            return None
        log.info("%s: %s; asking for half the range", name, error)
        if error.lasting:
            self._span[name] = shorter[0][1] - shorter[0][0]
        if (error.retry_after or not error.lasting) and not self._wait(
            Retries(self._policy, self._clock), error.retry_after
        ):
            raise self._given_up(error)
        return shorter

    def _query(self, query: Query, packing: Packing, total: Counts) -> None:
        with self._stop.breakable():
            self._pace.begin()
            try:
                counts = self._client.query_range(query, packing.write)
            finally:
                self._pace.end()
        packing.keep()
        total.series += counts.series
        total.samples += counts.samples

    def _wait(self, retries: Retries, asked: float | None) -> bool:
        with self._stop.breakable():
            return retries.wait(asked)

    def _given_up(self, error: Exception) -> TryLaterError:
        """Tell a window that can't be had from a server that is down."""
        return TryLaterError(str(error)) if self._is_up() else self._down(error)

    def _down(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"{self._client.url} does not serve: {error}")

    def _is_up(self) -> bool:
        """Whether the server gives a sign of life, asked for as often as a query would be."""
        retries = Retries(self._policy, self._clock)
        while True:
            with self._stop.breakable():
                if self._client.is_up():
                    return True
            if not self._wait(retries, None):
                return False
