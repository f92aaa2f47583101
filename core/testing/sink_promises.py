"""Every promise of `promferry.core.sink`, as a test each."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, ClassVar, Final, cast

from ..errors import ConflictError, Interrupted
from ..sink import ABSENT, Entry, Sink
from .bodies import Generated

MakeSink = Callable[[], Sink]
"""Opens a sink. Every sink that it opens within one test is on the same store, empty at first."""

_DAY: Final = "prod/end=20251101/day=5"
_METRIC: Final = f"{_DAY}/metric=cpu_requests"
_KEY: Final = f"{_METRIC}/1759622400_cpu_requests.json.gz"
_BIG: Final = 24 << 20
_SIGTERM: Final = 15
_A_DAY: Final = 86_400.0


class SinkPromises:
    """Take a sink through its promises: make a subclass with a pytest fixture `make_sink`.

    The subclass says in its attributes what its store can't do. Each test gets `make_sink`, a
    function that opens the sink; within a test all of them are on one store, which is empty when
    the test begins.
    """

    conditional: ClassVar[bool] = True
    """Whether the store has both conditions; a put with one that it does not have just puts."""

    most_at_once: ClassVar[int] = 12 << 20
    """How many bytes of a body may be in memory at once."""

    entries_of_a_folder: ClassVar[int] = 1005
    """How many entries one folder is listed with: more than a page of the store's listing."""

    writers: ClassVar[int] = 6
    """How many sinks put at the same moment."""

    def test_what_was_put_is_there_for_another_sink(self, make_sink: MakeSink) -> None:
        """An object outlives the sink that put it."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"whole")
        with closing(make_sink()) as other:
            assert _get(other, _KEY) == b"whole", "another sink does not read what was put"

    def test_put_replaces_the_object(self, make_sink: MakeSink) -> None:
        """The second put of a key wins, also with a shorter body."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"a long first object")
            _put(sink, _KEY, b"short")
            assert _get(sink, _KEY) == b"short", "the second put did not replace the first"
            (entry,) = list(sink.list(_METRIC))
            assert entry.size == len(b"short"), f"the listing says {entry.size} bytes"

    def test_put_reads_the_body_from_where_it_stands(self, make_sink: MakeSink) -> None:
        """What was read before the put is not stored."""
        body = io.BytesIO(b"header|rest")
        body.read(7)
        with closing(make_sink()) as sink:
            sink.put(_KEY, body)
            assert _get(sink, _KEY) == b"rest", "the put did not begin where the body stood"

    def test_an_empty_object_is_an_object(self, make_sink: MakeSink) -> None:
        """A window without a series is stored; it is not the same as one that is missing."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"")
            assert _get(sink, _KEY) == b"", "an empty object is not read back as one"
            assert _names(sink, _METRIC) == [_KEY.rpartition("/")[2]]

    def test_a_big_body_is_streamed_and_comes_back_the_same(self, make_sink: MakeSink) -> None:
        """Memory stays flat whatever the size of an object, on the way in and on the way out."""
        body = Generated(_BIG)
        with closing(make_sink()) as sink:
            sink.put(_KEY, cast("Any", body))
            assert body.largest_read <= self.most_at_once, (
                f"put read {body.largest_read} bytes of the body at once; at most"
                f" {self.most_at_once} may be in memory"
            )
            blob = sink.get(_KEY)
            assert blob is not None, "the big object is not there"
            with blob.body as stored:
                assert body.matches(stored), "the big object came back with other bytes"

    def test_a_put_that_breaks_off_leaves_the_old_object(self, make_sink: MakeSink) -> None:
        """A body that can't be read to its end changes nothing, and the put says so."""
        for error in (OSError("the body broke off"), Interrupted(_SIGTERM)):
            with closing(make_sink()) as sink:
                _put(sink, _KEY, b"old")
                assert _raises(sink, _KEY, error), "put did not raise when the body broke off"
                assert _get(sink, _KEY) == b"old", "a put that broke off changed the old object"
                _put(sink, _KEY, b"new")
                assert _get(sink, _KEY) == b"new", "the key can't be put after one that broke off"

    def test_a_put_that_breaks_off_leaves_nothing_where_nothing_was(
        self, make_sink: MakeSink
    ) -> None:
        """Neither half an object nor a temporary one shows up in a listing."""
        for error in (OSError("the body broke off"), Interrupted(_SIGTERM)):
            with closing(make_sink()) as sink:
                assert _raises(sink, _KEY, error), "put did not raise when the body broke off"
                assert sink.get(_KEY) is None, "a put that broke off left an object"
                left = [entry for entry in sink.list(_METRIC) if not entry.is_folder]
                assert left == [], f"a put that broke off left {left} in the listing"

    def test_a_reader_sees_the_whole_old_or_the_whole_new_object(self, make_sink: MakeSink) -> None:
        """While an object is replaced over and over, nobody reads a mixture."""
        bodies = [letter * (1 << 20) for letter in (b"a", b"b")]
        done = threading.Event()
        seen: list[bytes | None] = []

        def watch(sink: Sink) -> None:
            while not done.is_set():
                seen.append(_get(sink, _KEY))

        with closing(make_sink()) as sink, closing(make_sink()) as watching:
            _put(sink, _KEY, bodies[0])
            watcher = threading.Thread(target=watch, args=(watching,))
            watcher.start()
            try:
                for turn in range(20):
                    _put(sink, _KEY, bodies[turn % 2])
            finally:
                done.set()
                watcher.join()
        assert seen, "nothing could be read while the object was replaced"
        assert all(each in bodies for each in seen), "a reader saw an object that was not whole"

    def test_an_object_that_is_missing_is_none(self, make_sink: MakeSink) -> None:
        """In an empty store, beside another object, and where the key is a folder."""
        with closing(make_sink()) as sink:
            assert sink.get(_KEY) is None, "get of a missing object in an empty store"
            _put(sink, _KEY, b"here")
            assert sink.get(f"{_KEY}.other") is None, "get of a missing object beside another"
            assert sink.get(_KEY[:-1]) is None, "get of the first part of a key"

    def test_a_body_is_read_in_pieces_and_closed(self, make_sink: MakeSink) -> None:
        """A body gives what is asked for, then nothing; it can be closed before its end."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"0123456789")
            blob = sink.get(_KEY)
            assert blob is not None
            with blob.body as body:
                assert body.read(4) == b"0123", "read(4) did not give the first four bytes"
                assert body.read() == b"456789", "read() did not give the rest"
                assert body.read(1) == b"", "read(1) after the end gave something"
            assert blob.body.closed, "the body is not closed after its with block"
            again = sink.get(_KEY)
            assert again is not None
            again.body.close()
            assert _get(sink, _KEY) == b"0123456789", "closing a body early broke the next get"

    def test_a_version_tells_one_object_from_another(self, make_sink: MakeSink) -> None:
        """It stays while the object stays, changes with it, and is never `ABSENT`."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"one")
            first, again = _version(sink, _KEY), _version(sink, _KEY)
            _put(sink, _KEY, b"two")
            second = _version(sink, _KEY)
        assert ABSENT not in (first, second), "an object that is there has the version ABSENT"
        assert first == again, "the version changed though the object did not"
        if self.conditional:
            assert first != second, "another object has the same version"

    def test_a_listing_shows_one_level_in_order_of_name(self, make_sink: MakeSink) -> None:
        """Objects and folders, by the last part of their key; nothing deeper, nothing beside."""
        with closing(make_sink()) as sink:
            for key in ("b", "a/x", "a/y/z", "c", "ab/x", "B"):
                _put(sink, f"top/{key}", key.encode())
            listed = list(sink.list("top"))
            assert [each.name for each in listed] == ["B", "a", "ab", "b", "c"], (
                f"the listing is {[each.name for each in listed]}"
            )
            assert [each.name for each in listed if each.is_folder] == ["a", "ab"]
            assert [(each.name, each.is_folder) for each in sink.list("top/a")] == [
                ("x", False), ("y", True),
            ]  # fmt: skip
            assert [(each.name, each.is_folder) for each in sink.list("")] == [("top", True)], (
                'list("") does not show the root'
            )

    def test_a_listing_tells_size_and_time(self, make_sink: MakeSink) -> None:
        """Bytes and Unix seconds of an object; zero of a folder."""
        with closing(make_sink()) as sink:
            _put(sink, "top/object", b"12345")
            _put(sink, "top/folder/object", b"1")
            folder, found = list(sink.list("top"))
        assert folder == Entry("folder", is_folder=True), f"a folder is listed as {folder}"
        assert found.size == len(b"12345"), f"the listing says {found.size} bytes, not 5"
        assert abs(found.modified - time.time()) < _A_DAY, (
            f"modified is {found.modified}, which is not now in Unix seconds"
        )

    def test_a_folder_that_does_not_exist_has_nothing_in_it(self, make_sink: MakeSink) -> None:
        """In an empty store, and where only the beginning of the name fits."""
        with closing(make_sink()) as sink:
            assert list(sink.list("")) == [], "the root of an empty store lists something"
            assert list(sink.list(_METRIC)) == [], "a missing folder lists something"
            _put(sink, _KEY, b"here")
            assert list(sink.list(f"{_DAY}/metric=cpu")) == [], (
                "a folder lists what lies in another that begins with its name"
            )

    def test_a_long_listing_is_whole(self, make_sink: MakeSink) -> None:
        """A folder with more entries than a page of the store's listing is listed to its end."""
        names = [f"{1759622400 + 60 * number}_x" for number in range(self.entries_of_a_folder)]

        def fill(sink: Sink, share: int) -> None:
            for name in names[share :: self.writers]:
                _put(sink, f"top/{name}", b"")

        _at_once(make_sink, self.writers, fill)
        with closing(make_sink()) as sink:
            listed = [each.name for each in sink.list("top")]
        assert len(listed) == len(names), f"{len(names)} objects are listed as {len(listed)}"
        assert listed == names, "a long listing is not in order of name"

    def test_names_of_every_allowed_kind_are_told_apart(self, make_sink: MakeSink) -> None:
        """Keys have letters, digits, `.`, `_`, `-`, `=`; long ones, hidden ones, both cases."""
        odd = (
            ".dots..in.it.", "-dash", "_state.json", "=", "a=b=c", "PROD", "prod", "prod.", "1",
            "01", "x" * 200,
        )  # fmt: skip
        with closing(make_sink()) as sink:
            for name in odd:
                _put(sink, f"odd/{name}", name.encode())
                _put(sink, f"{name}/end=20251101/object", name.encode())
            assert _names(sink, "odd") == sorted(odd)
            for name in odd:
                assert _get(sink, f"odd/{name}") == name.encode(), f"{name!r} is another object"
                assert _names(sink, f"{name}/end=20251101") == ["object"], f"in folder {name!r}"

    def test_delete_removes_one_object(self, make_sink: MakeSink) -> None:
        """And nothing beside it; its key can be put again."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"x")
            _put(sink, f"{_KEY}.longer", b"y")
            sink.delete(_KEY)
            assert sink.get(_KEY) is None, "the object is still there after delete"
            assert _get(sink, f"{_KEY}.longer") == b"y", "delete removed more than its key"
            sink.delete(f"{_KEY}.longer")
            assert list(sink.list(_METRIC)) == [], "a folder whose objects are deleted is not empty"
            _put(sink, _KEY, b"again")
            assert _get(sink, _KEY) == b"again", "a deleted key can't be put again"

    def test_delete_of_nothing_is_no_error(self, make_sink: MakeSink) -> None:
        """Two runs may delete the same object."""
        with closing(make_sink()) as sink:
            sink.delete(_KEY)
            _put(sink, _KEY, b"x")
            sink.delete(_KEY)
            sink.delete(_KEY)

    def test_a_conditional_put_needs_the_version_it_was_given(self, make_sink: MakeSink) -> None:
        """With the version that is there it puts; with a stale one, or `ABSENT`, it conflicts."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"one", ABSENT)
            stale = _version(sink, _KEY)
            _put(sink, _KEY, b"two", stale)
            assert _get(sink, _KEY) == b"two", "a put with the right version was not stored"
            for version in (stale, ABSENT):
                conflicts = _conflicts(sink, _KEY, b"three", version)
                assert conflicts or not self.conditional, (
                    f"a put with the wrong version {version!r} was stored"
                )
            assert _get(sink, _KEY) == b"two" or not self.conditional

    def test_a_conditional_put_of_a_deleted_object_conflicts(self, make_sink: MakeSink) -> None:
        """The version of an object that is gone is stale."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"one")
            version = _version(sink, _KEY)
            sink.delete(_KEY)
            conflicts = _conflicts(sink, _KEY, b"two", version)
            assert conflicts or not self.conditional, "a put with a stale version was stored"

    def test_of_many_that_put_a_new_key_one_wins(self, make_sink: MakeSink) -> None:
        """Two runs that both begin the state: one of them learns that it was second."""
        self._race(make_sink, ABSENT)

    def test_of_many_that_put_with_one_version_one_wins(self, make_sink: MakeSink) -> None:
        """Two runs that both save the state: neither loses the other's progress."""
        with closing(make_sink()) as sink:
            _put(sink, _KEY, b"before")
            version = _version(sink, _KEY)
        self._race(make_sink, version)

    def test_locate_says_where_a_key_lies(self, make_sink: MakeSink) -> None:
        """For a key that holds something or not, for a folder, and for the root."""
        with closing(make_sink()) as sink:
            place = sink.locate(_KEY)
            assert place.endswith(_KEY.rpartition("/")[2]), f"locate says {place!r}"
            places = {sink.locate(key) for key in ("", "prod", _METRIC, _KEY)}
            assert all(places), "locate says nothing"
            assert len(places) == len(("", "prod", _METRIC, _KEY)), "two keys have one place"
            _put(sink, _KEY, b"x")
            assert sink.locate(_KEY) == place, "the place of a key changed when it was put"

    def test_close_twice_is_harmless(self, make_sink: MakeSink) -> None:
        """Also while another sink is at work on the same store."""
        sink, other = make_sink(), make_sink()
        _put(sink, _KEY, b"x")
        sink.close()
        sink.close()
        assert _get(other, _KEY) == b"x", "closing a sink took another one's objects away"
        _put(other, _KEY, b"y")
        other.close()

    def _race(self, make_sink: MakeSink, version: str) -> None:
        won: list[bytes] = []
        lost: list[bytes] = []

        def put(sink: Sink, number: int) -> None:
            body = str(number).encode() * 1000
            (lost if _conflicts(sink, _KEY, body, version) else won).append(body)

        _at_once(make_sink, self.writers, put)
        with closing(make_sink()) as sink:
            stored = _get(sink, _KEY)
        assert stored in won, "what is stored is not what a winner put"
        if self.conditional:
            assert len(won) == 1, f"{len(won)} of {self.writers} conditional puts were stored"


def _put(sink: Sink, key: str, content: bytes, if_version: str | None = None) -> None:
    sink.put(key, io.BytesIO(content), if_version=if_version)


def _get(sink: Sink, key: str) -> bytes | None:
    blob = sink.get(key)
    if blob is None:
        return None
    with blob.body as body:
        return body.read()


def _version(sink: Sink, key: str) -> str:
    blob = sink.get(key)
    assert blob is not None, f"{key} is not there"
    blob.body.close()
    return blob.version


def _names(sink: Sink, folder: str) -> list[str]:
    return [entry.name for entry in sink.list(folder)]


def _conflicts(sink: Sink, key: str, content: bytes, version: str) -> bool:
    try:
        _put(sink, key, content, version)
    except ConflictError:
        return True
    return False


def _raises(sink: Sink, key: str, error: BaseException) -> bool:
    """Say whether a put raises whose body breaks off with `error` after half of its 16 MiB."""
    body = Generated(16 << 20, breaks_at=8 << 20, error=error)
    try:
        sink.put(key, cast("Any", body))
    except (Exception, Interrupted):  # noqa: BLE001 - which one it is, is the sink's choice
        return True
    return False


def _at_once(make_sink: MakeSink, count: int, work: Callable[[Sink, int], None]) -> None:
    """Do `work` in `count` threads that begin together, each with a sink of its own."""
    start = threading.Barrier(count)
    failures: list[BaseException] = []

    def begin(sink: Sink, number: int) -> None:
        start.wait()
        try:
            work(sink, number)
        except Exception as error:  # noqa: BLE001 - raised again below, in the test's own thread
            failures.append(error)

    sinks = [make_sink() for _ in range(count)]
    threads = [
        threading.Thread(target=begin, args=(sink, number)) for number, sink in enumerate(sinks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sink in sinks:
        sink.close()
    if failures:
        raise failures[0]
