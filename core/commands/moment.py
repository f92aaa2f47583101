"""A moment as an argument of a command."""

from __future__ import annotations

import click

from ..errors import ConfigurationError
from ..settings import DAY
from ..times import iso, parse


class Moment(click.ParamType[int]):
    """A date or an ISO 8601 time, UTC; becomes Unix seconds."""

    name = "DATE|TIME"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse it; as an end, a date means the end of that day."""
        if isinstance(value, int):
            return value
        try:
            moment = parse(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a date (2025-10-01) nor an ISO 8601 time", param, ctx)
        date_only = len(value) <= len("2025-10-01")
        return moment + DAY if self._is_end and date_only else moment


def check_order(begin: int | None, end: int | None) -> None:
    """Refuse a `--to` that is not after `--from`, where both are given."""
    if begin is not None and end is not None and end <= begin:
        raise ConfigurationError(
            f"--to {iso(end)} is not after --from {iso(begin)}; give a later --to"
        )
