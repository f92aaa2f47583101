"""Running work in order: one piece at a time, an outcome for each, and when to leave off.

It knows nothing of what the work is. Pieces of one lane (a metric) share their fate: a lane whose
work is rejected, or fails several times in a row, is left for the rest of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, Generic, TypeVar

import attrs

from .errors import RejectedError, TryLaterError, UnavailableError
from .stop import Stop

Work = TypeVar("Work")
Result = TypeVar("Result")

_LANE_PATIENCE: Final = 3
_RUN_PATIENCE: Final = 6


class Outcome(Enum):
    """How a piece of work ended."""

    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    SKIPPED = "skipped"


@attrs.frozen
class Ended(Generic[Work, Result]):
    """A piece of work and how it ended: with a result, or with the error's line."""

    work: Work
    outcome: Outcome
    result: Result | None = None
    error: str = ""


def run(
    works: Iterable[Work],
    *,
    lane: Callable[[Work], str],
    do: Callable[[Work], Result],
    ended: Callable[[Ended[Work, Result]], None],
    stop: Stop,
) -> None:
    """Do each work in order and report it to `ended` at once.

    A `RejectedError` leaves the lane; `TryLaterError` fails the work; three of a lane in a row
    leave the lane, six works in a row end the run; `UnavailableError` ends it at once. What is not
    done any more is reported as skipped, with the reason. Any other exception, and `Interrupted`
    when a stop is asked for, goes to the caller.
    """
    left: dict[str, str] = {}
    lane_failures: Counter[str] = Counter()
    failures = 0
    over = ""
    for work in works:
        name = lane(work)
        if over or name in left:
            ended(Ended(work, Outcome.SKIPPED, error=over or left[name]))
            continue
        stop.check()
        try:
            result = do(work)
        except RejectedError as error:
            left[name] = str(error)
            ended(Ended(work, Outcome.REJECTED, error=str(error)))
        except UnavailableError as error:
            over = str(error)
            ended(Ended(work, Outcome.FAILED, error=over))
        except TryLaterError as error:
            lane_failures[name] += 1
            failures += 1
            if lane_failures[name] >= _LANE_PATIENCE:
                left[name] = f"{error} ({_LANE_PATIENCE} times in a row)"
            if failures >= _RUN_PATIENCE:
                over = f"{error} ({_RUN_PATIENCE} windows in a row failed)"
            ended(Ended(work, Outcome.FAILED, error=str(error)))
        else:
            lane_failures[name] = failures = 0
            ended(Ended(work, Outcome.DONE, result=result))
