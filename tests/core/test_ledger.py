"""The ledger: what is recorded survives crashes, damage and another run."""

from __future__ import annotations

import gzip
import io
import json
import random

import pytest

from promferry.core.errors import ConfigurationError, TryLaterError
from promferry.core.ledger import Ledger
from promferry.core.state import (
    Began,
    Change,
    Exported,
    Failed,
    Failure,
    Forgotten,
    Framed,
    Ran,
    State,
    from_json,
    to_json,
)
from promferry.core.windows import Grid
from tests.core.clocks import HandClock
from tests.core.memory import MemorySink

T0 = 1761868800
HOUR = 3600
GRID = Grid(((0, HOUR),))


def ledger(sink: MemorySink) -> Ledger:
    made = Ledger(sink, "prod", HandClock(T0 + 9 * HOUR), HOUR)
    made.load()
    return made


def exported(metric: str, number: int, *, until: int = HOUR, known: int = 0) -> Exported:
    window = GRID.at(T0 + number * HOUR)
    return Exported(metric, window, window.start + until, window.start + known)


def failed(metric: str, number: int, error: str = "boom", *, at: int = T0) -> Failed:
    window = GRID.at(T0 + number * HOUR)
    return Failed(metric, window, Failure(window.end, error, at))


def spans(sink: MemorySink, metric: str) -> list[tuple[int, int]]:
    """Return the stored coverage, in hours."""
    stored = from_json(sink.objects["prod/_state.json"], "here")
    return [((a - T0) // HOUR, (b - T0) // HOUR) for a, b in stored.metrics[metric].exported]


GZIPPED = gzip.compress(b"")
CHANGES: list[Change] = [
    Framed(T0, HOUR),
    Began("a", T0),
    exported("a", 0),
    exported("a", 2, until=600),
    failed("a", 1, 'a "quoted" ünicode\nline'),
    Ran({"exit_status": 1, "errors": {"a": "x"}}),
]


def test_the_document_gives_back_the_state() -> None:
    state = State()
    for change in CHANGES:
        state = change.apply(state)
    text = to_json(state, "prod", T0)
    assert from_json(text, "here") == state
    document = json.loads(text)
    assert document["version"] == 1
    assert document["metrics"]["a"]["exported"] == [
        "2025-10-31T00:00:00Z/2025-10-31T01:00:00Z",
        "2025-10-31T02:00:00Z/2025-10-31T02:10:00Z",
    ]


@pytest.mark.parametrize("change", [*CHANGES, Forgotten(T0)])
def test_a_change_applied_twice_is_as_applied_once(change: Change) -> None:
    """A save that is tried again does no harm."""
    state = State()
    for before in CHANGES:
        state = before.apply(state)
    once = change.apply(state)
    assert change.apply(once) == once


def test_a_failure_is_named_until_the_window_is_exported() -> None:
    sink = MemorySink()
    first = ledger(sink)
    first.record(Began("a", T0), failed("a", 1))
    first.record(exported("a", 2))
    stored = from_json(sink.objects["prod/_state.json"], "here").metrics["a"]
    assert stored.failed[T0 + HOUR].error == "boom"
    second = ledger(sink)
    second.record(failed("a", 1, "boom again", at=T0 + 60))
    stored = from_json(sink.objects["prod/_state.json"], "here").metrics["a"]
    assert (stored.failed[T0 + HOUR].error, stored.failed[T0 + HOUR].times) == ("boom again", 2)
    second.record(exported("a", 1))
    stored = from_json(sink.objects["prod/_state.json"], "here").metrics["a"]
    assert stored.failed == {}


@pytest.mark.parametrize("conditions", [True, False])
@pytest.mark.parametrize("seed", range(25))
def test_two_runs_never_lose_each_others_progress(seed: int, *, conditions: bool) -> None:
    """Each saves while the other does, with and without conditional puts."""
    chance = random.Random(seed)
    sink = MemorySink(conditions=conditions)
    one, two = ledger(sink), ledger(sink)
    one.record(Began("a", T0))
    two.record(Began("b", T0))
    plans = {one: [("a", n) for n in range(12)], two: [("b", n) for n in range(12)]}
    busy = False

    def between(_: str) -> None:
        """Let the other run save in the very middle of a save."""
        nonlocal busy
        if not busy and chance.random() < 0.5 and plans[two]:
            busy = True
            two.record(exported(*plans[two].pop(0)))
            busy = False

    sink.before_put = between
    while any(plans.values()):
        for each in (one, two):
            if plans[each] and chance.random() < 0.7:
                if each is two:
                    busy = True
                each.record(exported(*plans[each].pop(0)))
                busy = False
    sink.before_put = lambda _: None
    one.close()
    two.close()
    assert spans(sink, "a") == [(0, 12)]
    assert spans(sink, "b") == [(0, 12)]


def test_of_two_runs_at_one_window_the_shorter_reach_is_believed() -> None:
    """Nobody can tell whose object came last; a later run writes the window again."""
    sink = MemorySink()
    one, two = ledger(sink), ledger(sink)
    one.record(exported("a", 0, until=1800))
    two.record(exported("a", 0, until=600))
    stored = from_json(sink.objects["prod/_state.json"], "here").metrics["a"]
    assert stored.exported.spans == ((T0, T0 + 600),)


def test_a_run_that_grew_a_window_records_its_whole_reach() -> None:
    sink = MemorySink()
    first = ledger(sink)
    first.record(exported("a", 0, until=1800))
    second = ledger(sink)
    second.record(exported("a", 0, until=HOUR, known=1800))
    assert spans(sink, "a") == [(0, 1)]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"null", b"[]", b'{"version":1}', b'{"version":"x"}', b"\x00\xff",
     b'{"version":1,"time_frames":[],"metrics":{"a":{"since":"yesterday","exported":[]}}}',
     b'{"version":1,"time_frames":[{"from":"2025-10-31","seconds":0}],"metrics":{}}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_state_is_kept_aside_and_rebuilt(
    damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """From the objects in the sink; it never restarts a full backfill, and says what it did."""
    sink = MemorySink()
    day = "prod/end=20251101/day=31/metric=a"
    for number in (0, 1, 3, 4):
        sink.objects[f"{day}/{T0 + number * HOUR}_a.json.gz"] = GZIPPED
    sink.objects["prod/_state.json"] = damage
    made = ledger(sink)
    assert not made.is_new
    aside = f"prod/_state.damaged-{T0 + 9 * HOUR}.json"
    assert sink.objects[aside] == damage
    assert aside in caplog.text
    made.record(exported("a", 2))
    # Those before a gap may have been growing, and have no sample that says how far: they are due.
    assert spans(sink, "a") == [(0, 1), (2, 4)]


def test_a_dry_run_leaves_a_damaged_state_where_it_is() -> None:
    sink = MemorySink()
    sink.objects["prod/_state.json"] = b"{"
    Ledger(sink, "prod", HandClock(T0), HOUR).load(repair=False)
    assert sink.objects == {"prod/_state.json": b"{"}


def test_a_newer_state_is_an_error_that_says_so_and_is_left_alone() -> None:
    sink = MemorySink()
    text = b'{"version": 2, "metrics": []}'
    sink.objects["prod/_state.json"] = text
    with pytest.raises(ConfigurationError, match=r"newer promferry \(state version 2"):
        ledger(sink)
    assert sink.objects == {"prod/_state.json": text}


def test_a_state_that_is_gone_is_a_first_run() -> None:
    made = ledger(MemorySink())
    assert made.is_new
    assert made.state == State()


def test_a_save_that_never_gets_through_is_bounded() -> None:
    sink = MemorySink()
    made = ledger(sink)

    def contend(key: str) -> None:
        sink.objects[key] = to_json(State(last_run={"number": random.random()}), "prod", T0)

    sink.before_put = contend
    made.record(Began("a", T0))
    with pytest.raises(TryLaterError, match="other runs kept writing it"):
        made.close()


def test_what_could_not_be_saved_for_others_is_saved_with_the_next() -> None:
    sink = MemorySink()
    made = ledger(sink)

    def contend(key: str) -> None:
        sink.objects[key] = to_json(State(last_run={"number": random.random()}), "prod", T0)

    sink.before_put = contend
    made.record(exported("a", 0))
    sink.before_put = lambda _: None
    made.record(exported("a", 1))
    assert spans(sink, "a") == [(0, 2)]


def test_the_last_word_of_a_run_is_in_the_state() -> None:
    sink = MemorySink()
    made = ledger(sink)
    made.note(Ran({"exit_status": 0}))
    assert sink.objects == {}
    made.close()
    assert json.load(io.BytesIO(sink.objects["prod/_state.json"]))["last_run"]["exit_status"] == 0
