"""The kit passes a sink that keeps the promises, and names the promise that one breaks."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

import pytest

from promferry.core.errors import ConflictError
from promferry.core.sink import ABSENT, Blob, Entry, Sink
from promferry.core.testing import MakeSink, SinkPromises


class MemorySink:
    """Objects in a dict, shared by the sinks of one test."""

    def __init__(self, store: dict[str, tuple[int, bytes]], lock: threading.Lock) -> None:
        self.store = store
        self.lock = lock

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        content = b"".join(iter(lambda: body.read(1 << 20), b""))
        with self.lock:
            number = self.store[key][0] if key in self.store else 0
            if if_version is not None and if_version != (str(number) if number else ABSENT):
                raise ConflictError(f"{key} was changed by another run")
            self.store[key] = (time.monotonic_ns(), content)

    def get(self, key: str) -> Blob | None:
        if key not in self.store:
            return None
        number, content = self.store[key]
        return Blob(io.BytesIO(content), str(number))

    def list(self, folder: str) -> Iterable[Entry]:
        prefix = f"{folder}/" if folder else ""
        found: dict[str, Entry] = {}
        for key in sorted(self.store):
            if key.startswith(prefix):
                name, slash, _ = key[len(prefix) :].partition("/")
                size = 0 if slash else len(self.store[key][1])
                found[name] = Entry(name, bool(slash), size, 0.0 if slash else time.time())
        return [found[name] for name in sorted(found)]

    def delete(self, key: str) -> None:
        self.store.pop(key, None)

    def locate(self, key: str) -> str:
        return f"memory:{key}"

    def close(self) -> None:
        return


class TestMemory(SinkPromises):
    """The sink above keeps them all."""

    @pytest.fixture
    def make_sink(self) -> MakeSink:
        return maker(MemorySink)


class WithoutConditions(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        del if_version
        super().put(key, body)


class TestMemoryWithoutConditions(SinkPromises):
    """A store without conditional puts keeps the others."""

    conditional = False

    @pytest.fixture
    def make_sink(self) -> MakeSink:
        return maker(WithoutConditions)


class NotAtomic(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        del if_version
        content = b""
        while chunk := body.read(1 << 19):
            content += chunk
            time.sleep(0.001)
            self.store[key] = (1, content)


class Swallowing(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        try:
            super().put(key, body, if_version=if_version)
        except OSError:
            return


class AllAtOnce(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        super().put(key, io.BytesIO(body.read()), if_version=if_version)


class FromTheStart(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        body.seek(0)
        super().put(key, body, if_version=if_version)


class Raising(MemorySink):
    def get(self, key: str) -> Blob | None:
        return Blob(io.BytesIO(self.store[key][1]), "1")

    def delete(self, key: str) -> None:
        del self.store[key]


class Recursive(MemorySink):
    def list(self, folder: str) -> Iterable[Entry]:
        prefix = f"{folder}/" if folder else ""
        return [Entry(key[len(prefix) :], False) for key in self.store if key.startswith(prefix)]


class ByPrefix(MemorySink):
    def list(self, folder: str) -> Iterable[Entry]:
        names = {key[len(folder) :].strip("/") for key in self.store if key.startswith(folder)}
        return [Entry(name, is_folder=False) for name in sorted(names)]


class OnePage(MemorySink):
    def list(self, folder: str) -> Iterable[Entry]:
        return list(super().list(folder))[:1000]


class OneCase(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        super().put(key.lower(), body, if_version=if_version)


class DeletesMore(MemorySink):
    def delete(self, key: str) -> None:
        for each in [each for each in self.store if each.startswith(key)]:
            del self.store[each]


class OneVersion(MemorySink):
    def get(self, key: str) -> Blob | None:
        blob = super().get(key)
        return blob and Blob(blob.body, "1")


class Racing(MemorySink):
    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        here = self.store.get(key)
        if if_version is not None and if_version != (str(here[0]) if here else ABSENT):
            raise ConflictError(key)
        time.sleep(0.05)
        super().put(key, body)


class OncePerStore(MemorySink):
    def close(self) -> None:
        self.store.pop(next(iter(self.store)))


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (NotAtomic, "test_a_put_that_breaks_off_leaves_the_old_object"),
        (NotAtomic, "test_a_put_that_breaks_off_leaves_nothing_where_nothing_was"),
        (NotAtomic, "test_a_reader_sees_the_whole_old_or_the_whole_new_object"),
        (Swallowing, "test_a_put_that_breaks_off_leaves_the_old_object"),
        (AllAtOnce, "test_a_big_body_is_streamed_and_comes_back_the_same"),
        (FromTheStart, "test_put_reads_the_body_from_where_it_stands"),
        (Raising, "test_an_object_that_is_missing_is_none"),
        (Raising, "test_delete_of_nothing_is_no_error"),
        (Recursive, "test_a_listing_shows_one_level_in_order_of_name"),
        (ByPrefix, "test_a_folder_that_does_not_exist_has_nothing_in_it"),
        (OnePage, "test_a_long_listing_is_whole"),
        (OneCase, "test_names_of_every_allowed_kind_are_told_apart"),
        (DeletesMore, "test_delete_removes_one_object"),
        (OneVersion, "test_a_version_tells_one_object_from_another"),
        (WithoutConditions, "test_a_conditional_put_needs_the_version_it_was_given"),
        (WithoutConditions, "test_a_conditional_put_of_a_deleted_object_conflicts"),
        (Racing, "test_of_many_that_put_a_new_key_one_wins"),
        (Racing, "test_of_many_that_put_with_one_version_one_wins"),
        (OncePerStore, "test_close_twice_is_harmless"),
    ],
)
def test_a_broken_promise_fails_its_test(broken: type[MemorySink], promise: str) -> None:
    test: Callable[[MakeSink], None] = getattr(SinkPromises(), promise)
    test(maker(MemorySink))
    with pytest.raises((AssertionError, LookupError, StopIteration)):
        test(maker(broken))


def maker(kind: type[MemorySink]) -> MakeSink:
    """Return what opens such a sink on a store of its own."""
    store: dict[str, tuple[int, bytes]] = {}
    lock = threading.Lock()

    def make() -> Sink:
        return kind(store, lock)

    return make
