"""The job in a process of its own, at a time that the test sets.

    python -m tests.faults.job 1762041720 run

runs `promferry run` as if it were that Unix second; settings come from the environment as ever.
"""

from __future__ import annotations

import os
import sys
import time

from promferry.core.main import run
from promferry.core.setup import Setup


class FixedClock:
    """A wall clock that stands still; waiting and measuring go on."""

    def __init__(self, moment: float, haste: float = 100.0) -> None:
        self._moment = moment
        self._haste = haste

    def now(self) -> float:
        """Return the moment."""
        return self._moment

    def monotonic(self) -> float:
        """Return the machine's monotonic time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, a hundred times as fast unless told otherwise."""
        time.sleep(max(0.0, seconds) / self._haste)


if __name__ == "__main__":
    moment, *arguments = sys.argv[1:]
    haste = float(os.environ.get("TEST_HASTE", "100"))
    sys.exit(run(arguments, Setup(os.environ, FixedClock(float(moment), haste))))
