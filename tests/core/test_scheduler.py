"""The scheduler: order, outcomes, patience, stop; it knows nothing of what the work is."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import pytest

from promferry.core.errors import (
    ConfigurationError,
    Interrupted,
    RejectedError,
    TryLaterError,
    UnavailableError,
)
from promferry.core.scheduler import Ended, Outcome, run
from promferry.core.stop import Stop

Work = tuple[str, int]


def outcomes(
    works: Sequence[Work], do: Callable[[Work], int], stop: Stop | None = None
) -> list[Ended[Work, int]]:
    ended: list[Ended[Work, int]] = []
    run(works, lane=lambda work: work[0], do=do, ended=ended.append, stop=stop or Stop())
    return ended


def failing(errors: dict[Work, Exception]) -> Callable[[Work], int]:
    def do(work: Work) -> int:
        if work in errors:
            raise errors[work]
        return work[1]

    return do


def test_work_is_done_in_order_and_reported_at_once() -> None:
    seen: list[object] = []

    def do(work: Work) -> int:
        seen.append(("do", work))
        return work[1]

    works = [("a", 1), ("b", 2), ("a", 3)]
    run(works, lane=lambda work: work[0], do=do, ended=lambda e: seen.append(e.result), stop=Stop())
    assert seen == [("do", works[0]), 1, ("do", works[1]), 2, ("do", works[2]), 3]


def test_a_failed_window_neither_stops_nor_hides_the_later_ones() -> None:
    ended = outcomes([("a", 1), ("a", 2), ("a", 3)], failing({("a", 2): TryLaterError("cut")}))
    assert [each.outcome for each in ended] == [Outcome.DONE, Outcome.FAILED, Outcome.DONE]
    assert ended[1].error == "cut"


def test_a_rejected_metric_is_left_for_the_rest_of_the_run_and_others_go_on() -> None:
    works = [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    ended = outcomes(works, failing({("a", 1): RejectedError("parse error")}))
    assert [each.outcome for each in ended] == [
        Outcome.REJECTED, Outcome.DONE, Outcome.SKIPPED, Outcome.DONE,
    ]  # fmt: skip
    assert ended[2].error == "parse error"


def test_a_server_that_is_down_is_not_asked_for_every_window() -> None:
    asked: list[Work] = []

    def do(work: Work) -> int:
        asked.append(work)
        raise UnavailableError("down")

    ended = outcomes([("a", n) for n in range(50)], do)
    assert len(asked) == 1
    assert len(ended) == 50
    assert {each.error for each in ended} == {"down"}


def test_three_failures_in_a_row_leave_the_metric() -> None:
    works = [("a", n) for n in range(5)] + [("b", 1)]
    errors: dict[Work, Exception] = {("a", n): TryLaterError("too much") for n in range(5)}
    ended = outcomes(works, failing(errors))
    assert [each.outcome for each in ended] == [Outcome.FAILED] * 3 + [Outcome.SKIPPED] * 2 + [
        Outcome.DONE
    ]


def test_six_failures_in_a_row_of_whatever_metric_end_the_run() -> None:
    works = [(lane, n) for n in range(3) for lane in "abcdef"]
    ended = outcomes(works, failing(dict.fromkeys(works, TryLaterError("500"))))
    assert [each.outcome for each in ended] == [Outcome.FAILED] * 6 + [Outcome.SKIPPED] * 12


def test_a_success_starts_the_count_anew() -> None:
    works = [("a", n) for n in range(12)]
    errors: dict[Work, Exception] = {("a", n): TryLaterError("500") for n in range(12) if n % 3}
    ended = outcomes(works, failing(errors))
    assert Outcome.SKIPPED not in {each.outcome for each in ended}


def test_a_stop_ends_the_run_after_the_work_in_hand() -> None:
    stop, done = Stop(), []

    def do(work: Work) -> int:
        done.append(work)
        stop.request(signal.SIGTERM)
        return 0

    with pytest.raises(Interrupted) as caught:
        outcomes([("a", 1), ("a", 2)], do, stop)
    assert caught.value.signal_number == signal.SIGTERM
    assert done == [("a", 1)]


def test_what_no_later_run_can_mend_goes_to_the_caller() -> None:
    with pytest.raises(ConfigurationError, match="wrong token"):
        outcomes([("a", 1), ("a", 2)], failing({("a", 1): ConfigurationError("wrong token")}))
