"""Cutting the answer to a range query into one line a series, as its bytes arrive.

An answer is an envelope (status, warnings, ...) around one array of series at `data.result`. The
array may be a gigabyte; it is never held. The usual answer has no blanks and every series begins
with its `metric`, so that series part at `},{"metric":`, which cannot occur inside a JSON string
(its quotes would be escaped): a megabyte is cut, checked and counted in a few calls. Any other
answer goes through the scanner, series by series, and gives the same lines.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, itemgetter
from typing import Any, Final

import attrs
import msgspec

from .errors import BrokenAnswerError, TooMuchError
from .scanner import Scanner

_BORDER: Final = b'},{"metric":'
_FIRST: Final = b'{"metric":'
_VALUES_KEY: Final = b',"values":'
_HISTOGRAMS_KEY: Final = b',"histograms":'
_BEGIN: Final = b"[["
_END: Final = b'"]]'
_TAIL: Final = 47  # bytes at a series' end that its last sample is found in
_TIME: Final = len("1759622400,")
_LARGEST_SERIES: Final = 16 << 20
_LARGEST_ENVELOPE: Final = 1 << 20
_BLANKS: Final = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)
_RESULT: Final = ["data", "result"]


class _Series(msgspec.Struct, gc=False):
    metric: msgspec.Raw
    values: msgspec.Raw = msgspec.Raw(b"")
    histograms: msgspec.Raw = msgspec.Raw(b"")


class _Usual(_Series, gc=False, forbid_unknown_fields=True):
    """A series with nothing else in it: that is for the scanner to leave out."""


_values_of: Final[Callable[[_Series], msgspec.Raw]] = attrgetter("values")
_histograms_of: Final[Callable[[_Series], msgspec.Raw]] = attrgetter("histograms")
_begin_of: Final[Callable[[bytes], bytes]] = itemgetter(slice(len(_BEGIN) + _TIME))
_end_of: Final[Callable[[bytes], bytes]] = itemgetter(slice(-_TAIL, None))

_SERIES: Final = msgspec.json.Decoder(list[_Usual])
_ONE: Final = msgspec.json.Decoder(_Series)
_LABELS: Final = msgspec.json.Decoder(dict[str, str])
_VALUES: Final = msgspec.json.Decoder(list[tuple[float, str]])
_HISTOGRAMS: Final = msgspec.json.Decoder(list[tuple[float, Any]])


@attrs.define
class Counts:
    """What went through: series, samples, and bytes of lines."""

    series: int = 0
    samples: int = 0
    size: int = 0


class Framing:
    """The answer to one query, fed in chunks of any size.

    `begin <= t < end` bounds the samples' times, Unix seconds: a series with a sample outside is an
    error, since a server that moves the range would put samples into two files. What an error
    repeats of the answer goes through `hide` before.
    """

    def __init__(self, begin: int, end: int, hide: Callable[[str], str] = str) -> None:
        self.counts = Counts()
        self._begin = begin
        self._end = end
        self._hide = hide
        self._buffer = bytearray()
        self._scanner = Scanner()
        self._head: bytes | None = None
        self._tail: bytearray | None = None
        self._fast = True
        self._comma = False  # whether the array wants a comma before its next element
        self._searched = 0  # how much of the buffer was searched for a border already

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take in a chunk; yield lines (several in one piece, each ended by a new line)."""
        if self._tail is not None:
            self._tail += chunk
            self._bound(self._tail, _LARGEST_ENVELOPE, "what follows the series")
            return
        self._buffer += chunk
        if self._head is None and not self._open():
            self._bound(self._buffer, _LARGEST_ENVELOPE, "what precedes the series")
            return
        if self._fast:
            yield from self._feed_fast()
        if not self._fast:
            yield from self._feed_slow(final=False)

    def finish(self) -> tuple[list[bytes], dict[str, Any]]:
        """Take in the end of the answer; return the last lines, and the envelope.

        The envelope is the answer with an empty `data.result`, or, where it has none, all of it.
        Raises `BrokenAnswerError` where the answer does not close.
        """
        lines: list[bytes] = []
        if self._head is None:
            return lines, _envelope(bytes(self._buffer), self._hide)
        if self._tail is None:
            self._fast = False
            lines = list(self._feed_slow(final=True))
        if self._tail is None:
            raise BrokenAnswerError("the answer is cut short: it ends before its series do")
        envelope = _envelope(self._head + b"]" + bytes(self._tail), self._hide)
        data = envelope.get("data")
        if not isinstance(data, dict) or data.get("result") != []:
            raise BrokenAnswerError("the answer has data.result twice")
        return lines, envelope

    def _open(self) -> bool:
        """Look for the array of series; keep what stands before it."""
        if not self._scanner.scan(
            bytes(self._buffer),
            lambda _at, opened: opened and self._scanner.path[1:] == _RESULT,
        ):
            return False
        start = self._scanner.position
        if self._buffer[start - 1 : start] != b"[":
            raise BrokenAnswerError("data.result is not an array")
        self._head = bytes(self._buffer[:start])
        del self._buffer[:start]
        self._scanner.position = 0
        return True

    def _feed_fast(self) -> Iterator[bytes]:
        if len(self._buffer) < len(_FIRST):
            return
        if not self._buffer.startswith(_FIRST):
            self._fast = False
            return
        border = self._buffer.rfind(_BORDER, max(0, self._searched - len(_BORDER)))
        if border < 0:
            self._searched = len(self._buffer)
            self._bound(self._buffer, _LARGEST_SERIES, "one series")
            return
        with memoryview(self._buffer) as view, view[: border + 1] as whole:
            array = b"".join((b"[", whole, b"]"))
        lines = self._cut(array)
        if lines is None:
            self._fast = False
            return
        del self._buffer[: border + 2]
        self._searched = 0
        yield lines

    def _cut(self, array: bytes) -> bytes | None:
        """Return the lines of an array of series; None where it is not of the usual form."""
        if b"\n" in array or b"\r" in array:
            return None
        _check_text(array)
        try:
            found = _SERIES.decode(array)
        except msgspec.DecodeError:
            return None
        values = list(map(bytes, map(_values_of, found)))
        samples = None if any(map(_histograms_of, found)) else self._tally(values)
        if samples is None:
            samples = sum(map(self._count, found))
            lines = b"".join(map(_rendered, found))
        else:
            pieces: list[bytes | msgspec.Raw] = []
            for series, text in zip(found, values, strict=True):
                pieces += (_FIRST, series.metric, _VALUES_KEY, text, b"}\n")
            lines = b"".join(pieces)
        self._add(len(found), samples, len(lines))
        return lines

    def _tally(self, values: list[bytes]) -> int | None:
        """Return the samples of many series, their times checked, looking at as little as possible.

        Returns None where one writes them in another way. Two samples part at `"],[`, which inside
        a string has a backslash before it. Samples are in order of time, so that a series' first
        and last tell of all.
        """
        begins = set(map(_begin_of, values))
        ends = set(map(_end_of, values))
        if {text[: len(_BEGIN)] for text in begins} != {_BEGIN} or {
            text[-len(_END) :] for text in ends
        } != {_END}:
            return None
        times = {text[len(_BEGIN) :] for text in begins}
        times |= {text.rpartition(b"[")[2][:_TIME] for text in ends}
        everything = b"".join(values)
        if any(sign in everything for sign in b"\\ \t") or not self._check_all(times):
            return None
        return len(values) + everything.count(b'"],[')

    def _check_all(self, times: Iterable[bytes]) -> bool:
        """Check times in whole seconds or with decimals, cut after ten digits and what follows.

        Returns False where one is written in another way.
        """
        for text in times:
            seconds = text[: _TIME - 1] if text[_TIME - 1 :] in b",." else text.partition(b",")[0]
            if not seconds.isdigit():
                return False
            self._check(int(seconds))
        return True

    def _feed_slow(self, *, final: bool) -> Iterator[bytes]:
        """Take whole elements off the buffer's front, one by one."""
        scanner, base = self._scanner, len(_RESULT) + 1
        view, begin = bytes(self._buffer), 0
        while scanner.scan(
            view, lambda _at, opened: not opened and len(scanner.path) <= base + 1, final=final
        ):
            if scanner.depth < base:  # the array itself has closed
                if view[begin : scanner.position - 1].strip(b" \t\r\n"):
                    raise BrokenAnswerError("the answer is not JSON: something follows its series")
                self._tail = bytearray(view[scanner.position :])
                self._buffer.clear()
                return
            yield self._line(view[begin : scanner.position])
            begin = scanner.position
        del self._buffer[:begin]
        scanner.position -= begin
        self._bound(self._buffer, _LARGEST_SERIES, "one series")

    def _line(self, element: bytes) -> bytes:
        element = element.lstrip(b" \t\r\n")
        if self._comma or self.counts.series:
            if element.startswith(b","):
                element = element[1:].lstrip(b" \t\r\n")
            elif self._comma:
                raise BrokenAnswerError("the answer is not JSON: no comma between two series")
        self._comma = True
        _check_text(element)
        try:
            series = _ONE.decode(element)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BrokenAnswerError(f"a series of the answer can't be read: {error}") from None
        samples = self._count(series)
        line = _rendered(series)
        self._add(1, samples, len(line))
        return line

    def _count(self, series: _Series) -> int:
        """Return the samples of a series, every part of it checked."""
        if not series.values and not series.histograms:
            raise BrokenAnswerError("a series of the answer has neither values nor histograms")
        try:
            _LABELS.decode(series.metric)
            values = _VALUES.decode(series.values) if series.values else []
            histograms = _HISTOGRAMS.decode(series.histograms) if series.histograms else []
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BrokenAnswerError(f"a series of the answer can't be read: {error}") from None
        for found in (values, histograms):
            times: Iterable[float] = [sample[0] for sample in found]
            for moment in times:
                self._check(moment)
        return len(values) + len(histograms)

    def _add(self, series: int, samples: int, size: int) -> None:
        self.counts.series += series
        self.counts.samples += samples
        self.counts.size += size

    def _check(self, moment: float) -> None:
        """Raise where a sample lies outside of the range that was asked for."""
        if not self._begin <= moment < self._end:
            raise BrokenAnswerError(
                f"the answer has a sample at {math.floor(moment)}, outside of the range asked for"
                f" ({self._begin} to {self._end}, end not included)"
            )

    def _bound(self, buffer: bytearray, largest: int, what: str) -> None:
        if len(buffer) > largest:
            if self._head is None or self._tail is not None:
                raise BrokenAnswerError(f"{what} is larger than {largest >> 20} MiB")
            raise TooMuchError(f"{what} is larger than {largest >> 20} MiB")


def _check_text(text: bytes) -> None:
    """Raise where bytes are not UTF-8: msgspec does not look into strings that it hands on raw."""
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise BrokenAnswerError("the answer is not UTF-8") from None


def _rendered(series: _Series) -> bytes:
    """Return the line of a series, without blanks."""
    parts = [_FIRST, _compact(series.metric)]
    if series.values:
        parts += [_VALUES_KEY, _compact(series.values)]
    if series.histograms:
        parts += [_HISTOGRAMS_KEY, _compact(series.histograms)]
    return b"".join((*parts, b"}\n"))


def _compact(raw: msgspec.Raw) -> bytes:
    """Return JSON without the blanks between its tokens, every token as it was."""
    text = bytes(raw)
    return _BLANKS.sub(rb"\1", text) if any(sign in text for sign in b" \t\r\n") else text


def _envelope(text: bytes, hide: Callable[[str], str]) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        start = hide(" ".join(text[:4096].decode("utf-8", "replace").split()))[:80]
        if not text.strip():
            raise BrokenAnswerError("the answer is empty") from None
        if not text.lstrip().startswith(b"{"):
            raise BrokenAnswerError(f"the answer is not JSON, it begins with {start!r}") from None
        raise BrokenAnswerError("the answer is cut short or not JSON: it does not close") from None
    if not isinstance(document, dict):
        raise BrokenAnswerError("the answer is JSON, but not an object")
    return document
