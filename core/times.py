"""Times as people write them, and as they are shown: ISO 8601, UTC."""

from __future__ import annotations

import datetime as dt


def iso(moment: float) -> str:
    """Return Unix seconds as `2025-10-05T00:00:00Z`."""
    return dt.datetime.fromtimestamp(int(moment), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> int:
    """Return the Unix seconds of a date or an ISO 8601 time; without an offset it is UTC.

    Raises ValueError for anything else.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp())
