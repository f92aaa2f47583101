"""A sink whose unknown errors name the plugin that it came from."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, TypeVar

from .errors import KnownError, UnavailableError
from .sink import Blob, Entry, Sink

log = logging.getLogger(__name__)

T = TypeVar("T")


class NamedSink:
    """Hands everything on to `sink`; `label` is what a person knows its plugin by.

    A known error passes as it is. Any other becomes an `UnavailableError` that names plugin, method
    and key: the run saves its progress and ends, since the next put would meet the same. The
    traceback goes to the log at the level DEBUG.
    """

    def __init__(self, sink: Sink, label: str) -> None:
        self._sink = sink
        self._label = label

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        """Store."""
        self._named("put", key, lambda: self._sink.put(key, body, if_version=if_version))

    def get(self, key: str) -> Blob | None:
        """Fetch; errors while the body is read are named too."""
        blob = self._named("get", key, lambda: self._sink.get(key))
        if blob is None:
            return None
        inner = _Body(blob.body, lambda call: self._named("get", key, call))
        return Blob(io.BufferedReader(inner, 1 << 16), blob.version)

    def list(self, folder: str) -> Iterable[Entry]:
        """List, to the end: a sink may find out while it yields."""
        entries: list[Entry] = self._named("list", folder, lambda: [*self._sink.list(folder)])
        return entries

    def delete(self, key: str) -> None:
        """Delete."""
        self._named("delete", key, lambda: self._sink.delete(key))

    def locate(self, key: str) -> str:
        """Say where."""
        return self._named("locate", key, lambda: self._sink.locate(key))

    def close(self) -> None:
        """Close."""
        self._named("close", "", self._sink.close)

    def _named(self, method: str, key: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except KnownError:
            raise
        except Exception as error:
            log.debug("%s: %s(%r) raised", self._label, method, key, exc_info=True)
            cause = " ".join(str(error).split())
            raise UnavailableError(
                f"{self._label} failed in {method}({key!r}): {type(error).__name__}: {cause}"
                " (LOG_LEVEL=DEBUG shows the traceback)"
            ) from error


class _Body(io.RawIOBase):
    def __init__(self, body: BinaryIO, named: Callable[[Callable[[], bytes]], bytes]) -> None:
        self._body = body
        self._named = named

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._named(lambda: self._body.read(len(buffer)))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._body.close()
        super().close()
