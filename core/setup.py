"""What a command is given: environment, clock and stop signal, passed in, never reached for."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .clock import Clock, SystemClock
from .stop import Stop


@attrs.frozen
class Setup:
    """The outside world as one command sees it."""

    environ: Mapping[str, str]
    clock: Clock = attrs.field(factory=SystemClock)
    stop: Stop = attrs.field(factory=Stop)
