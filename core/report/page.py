"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..page import render_page
from .document import UNITS
from .table import TITLES, share


def render(document: Mapping[str, Any]) -> str:
    """Return the page; every text in it is escaped."""
    resources = document["resources"]
    longest = {
        name: max((_length(row[name]) for row in document["rows"]), default=0) or 1
        for name in resources
    }
    return render_page(
        __package__,
        {"share": share, "amount": _amount},
        report=document,
        units={name: UNITS[name][0] for name in resources},
        words=TITLES,
        titles={"cpu": "CPU", "memory": "Memory"},
        rows=[
            (row, {name: _bar(row[name], longest[name]) for name in resources})
            for row in document["rows"]
        ],
    )


def _length(amounts: Mapping[str, float]) -> float:
    return amounts["used"] + amounts["wasted"]


def _bar(amounts: Mapping[str, float], longest: float) -> dict[str, float]:
    """Return the two parts of a bar in percent of the longest: what is used, what is wasted."""
    return {
        "used": round(100 * amounts["used"] / longest, 2),
        "wasted": round(100 * amounts["wasted"] / longest, 2),
    }


def _amount(number: float, digits: int) -> str:
    return f"{number:,.{digits}f}"
