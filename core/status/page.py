"""The status as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from ..page import render_page
from ..sizes import human
from .coverage import Mark, mark_of
from .table import age

_WORDS: Final[Mapping[Mark, str]] = {
    Mark.FULL: "exported",
    Mark.EMPTY: "exported without a series",
    Mark.GROWING: "growing",
    Mark.HOLE: "missing",
    Mark.LOST: "gone from the sink",
    Mark.NOTHING: "not due",
}
_CLASSES: Final[Mapping[Mark, str]] = {
    Mark.FULL: "full",
    Mark.EMPTY: "empty",
    Mark.GROWING: "growing",
    Mark.HOLE: "hole",
    Mark.LOST: "lost",
    Mark.NOTHING: "none",
}
_MOST_GAPS: Final = 500
_ROOM, _NARROWEST, _WIDEST = 75, 0.95, 6.0  # rem: all cells of a row together, one cell


def render(document: Mapping[str, Any]) -> str:
    """Return the page for a status document; every text in it is escaped."""
    days = [each["day"] for each in document["days"]]
    gaps = [
        {"metric": metric["name"], "kind": kind, **gap}
        for metric in document["metrics"]
        for kind, found in (("missing", metric["holes"]), ("lost", metric["lost"]))
        for gap in found
    ]
    gaps.sort(key=lambda gap: (gap["start"], gap["metric"]), reverse=True)
    return render_page(
        __package__,
        {"human": human, "age": age},
        status=document,
        months=[(month, len(list(group))) for month, group in groupby(days, lambda day: day[:7])],
        days=days,
        cell_width=round(min(_WIDEST, max(_NARROWEST, _ROOM / max(1, len(days)))), 2),
        rows=[(metric, _cells(metric, days)) for metric in document["metrics"]],
        bars=_bars(document["days"]),
        growth=_growth(document["days"]),
        gaps=gaps[:_MOST_GAPS],
        more_gaps=max(0, len(gaps) - _MOST_GAPS),
    )


def _cells(metric: Mapping[str, Any], days: Sequence[str]) -> list[dict[str, Any]]:
    """Return a cell a day: its class, its hours as stripes where they differ, and its words."""
    by_day = {each["day"]: each for each in metric["days"]}
    return [_cell(day, by_day.get(day)) for day in days]


def _cell(day: str, held: Mapping[str, Any] | None) -> dict[str, Any]:
    hours = held["hours"] if held else Mark.NOTHING * 24
    runs = [(Mark(hour), len(list(group))) for hour, group in groupby(hours)]
    mark = mark_of(hours)
    counts: dict[Mark, int] = {}
    for kind, length in runs:
        counts[kind] = counts.get(kind, 0) + length
    words = ", ".join(
        f"{number} h {_WORDS[kind]}" for kind, number in counts.items() if kind is not Mark.NOTHING
    )
    size = f", {human(held['bytes'])}" if held and held["bytes"] else ""
    stripes, at = [], 0
    if len(runs) > 1:
        for kind, length in runs:
            stripes.append(f"var(--{_CLASSES[kind]}) {at / 0.24:.4g}% {(at + length) / 0.24:.4g}%")
            at += length
    return {
        "class": _CLASSES[mark],
        "stripes": ",".join(stripes),
        "sign": {Mark.HOLE: "!", Mark.LOST: "x"}.get(mark, ""),
        "words": f"{day}: {words or 'nothing due'}{size}",
    }


def _bars(days: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a bar a day: its height in percent of the largest."""
    most = max((day["bytes"] for day in days), default=0) or 1
    return [
        {"day": day["day"], "bytes": day["bytes"], "height": round(100 * day["bytes"] / most, 2)}
        for day in days
    ]


def _growth(days: Sequence[Mapping[str, Any]]) -> str:
    """Return the points of a line: bytes held up to each day, in percent of width and height."""
    total = sum(day["bytes"] for day in days) or 1
    points, so_far = ["0,100"], 0
    for number, day in enumerate(days, 1):
        so_far += day["bytes"]
        points.append(f"{100 * number / len(days):.2f},{100 - 100 * so_far / total:.2f}")
    return " ".join(points)
