"""The status as a table for a terminal, a mark a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..sizes import human
from ..terminal import table_console
from .coverage import Mark, mark_of

_DAYS: Final = 31
_SIGNS: Final[Mapping[Mark, tuple[str, str]]] = {
    Mark.NOTHING: ("·", "dim"),
    Mark.EMPTY: ("░", "blue"),
    Mark.FULL: ("█", "blue"),
    Mark.GROWING: ("▄", "blue"),
    Mark.LOST: ("x", "bold yellow"),
    Mark.HOLE: ("!", "bold yellow"),
}
_LEGEND: Final = (
    "a sign a day: █ exported  ░ exported, without a series  ▄ growing  ! a hole"
    "  x recorded, but gone from the sink  · nothing due"
)
_FEW: Final = 10


def show(document: Mapping[str, Any]) -> None:
    """Print it on standard output; colours only where that is a terminal."""
    from rich.table import Table
    from rich.text import Text

    console = table_console()
    days = [each["day"] for each in document["days"]][-_DAYS:]
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("metric", no_wrap=True)
    for title in ("first", "last"):
        table.add_column(title, no_wrap=True)
    for title in ("windows", "empty", "holes", "size"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(f"{days[0]} to {days[-1][5:]}" if days else "", no_wrap=True)
    for metric in document["metrics"]:
        signs = Text()
        by_day = {each["day"]: each["hours"] for each in metric["days"]}
        for day in days:
            signs.append(*_SIGNS[mark_of(by_day.get(day, "."))])
        holes = len(metric["holes"]) + len(metric["lost"])
        table.add_row(
            metric["name"],
            _short(metric["first"]),
            _short(metric["last"]),
            str(metric["windows"]),
            str(metric["empty"]),
            Text(str(holes), style="bold yellow" if holes else ""),
            human(metric["bytes"]),
            signs,
        )
    console.print(table)
    console.print(f"\n{_LEGEND}", style="dim")
    for line in summary(document):
        console.print(line, markup=False)


def summary(document: Mapping[str, Any]) -> list[str]:
    """Return the closing lines: totals, the last run, and the holes with their reasons."""
    totals, run = document["totals"], document["last_run"]
    lines = [
        f"{document['place']}: {totals['metrics']} metrics, {totals['objects']} objects,"
        f" {human(totals['bytes'])}; newest data {document['newest'] or 'none'}"
        + (f", {age(document['behind_seconds'])} ago" if document["newest"] else "")
    ]
    if run:
        lines.append(
            f"last run {run.get('started')} to {run.get('finished')}: exit status"
            f" {run.get('exit_status')}, {run.get('objects')} objects,"
            f" {run.get('missing')} windows missing"
        )
    ranges = [*_ranges(document, "holes", "hole"), *_ranges(document, "lost", "lost")]
    lines += ranges[:_FEW]
    if len(ranges) > _FEW:
        lines.append(f"... and {len(ranges) - _FEW} more (--json lists them all)")
    if not ranges:
        lines.append("no holes")
    if totals["holes"]:
        lines.append(f"{totals['holes']} holes: the next run tries them again")
    if totals["lost"]:
        lines.append(
            f"{totals['lost']} lost: `promferry run --from ... --to ... --metric ...` exports them"
            " again"
        )
    return lines


def _ranges(document: Mapping[str, Any], key: str, word: str) -> Iterator[str]:
    """Yield a line for each stretch of windows of a metric that are missing for one reason."""
    for metric in document["metrics"]:
        open_one: dict[str, str] = {}
        count = 0
        for gap in (*metric[key], {}):
            if count and gap.get("start") == open_one["end"] and gap["error"] == open_one["error"]:
                open_one["end"] = gap["end"]
                count += 1
                continue
            if count:
                reason = f": {open_one['error']}" if open_one["error"] else ""
                windows = "1 window" if count == 1 else f"{count} windows"
                yield (
                    f"{word}: {metric['name']} {open_one['start']} to {open_one['end']}"
                    f" ({windows}){reason}"
                )
            open_one, count = dict(gap), 1


def age(seconds: int) -> str:
    """Return a length of time for people: `90 min`, `26 h`, `3 days`."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86_400} days"


def _short(moment: str | None) -> str:
    return "never" if moment is None else f"{moment[:10]} {moment[11:16]}"
