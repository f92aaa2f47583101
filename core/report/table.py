"""The report as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..terminal import WIDE, table_console
from .document import UNITS
from .plain import plain

_ROOMY: Final = 100
_NARROWEST: Final = 9
TITLES: Final = {"cpu": "CPU", "memory": "memory"}


def show(document: Mapping[str, Any]) -> None:
    """Print it on standard output; colours only where that is a terminal."""
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = table_console()
    roomy = console.width >= _ROOMY
    table = Table(
        box=None, pad_edge=False, header_style="bold", show_edge=False,
        padding=(0, 1) if roomy else (0, 1, 0, 0),
    )  # fmt: skip
    names = ["cluster"] if document["several_clusters"] else []
    names += ["namespace"] if document["by"] == "namespace" else ["namespace", "workload"]
    for name in names:
        most = None if roomy else _NARROWEST
        table.add_column(f"\n{name}", overflow="fold", min_width=_NARROWEST, max_width=most)
    table.add_column("\npods", justify="right", no_wrap=True)
    for name in document["resources"]:
        for title in (f"{TITLES[name]}\nrequested", "\nused", "\nwasted", "\n%"):
            table.add_column(title, justify="right", no_wrap=True)
    for row in document["rows"]:
        table.add_row(
            *(Text(plain(row[name])) for name in names), str(row["pods"]),
            *_numbers(row, document["digits"]),
        )  # fmt: skip
    if document["others"]:
        table.add_row(f"... and {document['others']} more", style="dim")
    table.add_section()
    blank = [""] * (len(names) - 1)
    table.add_row(
        "total", *blank, "", *_numbers(document["totals"], document["digits"]), style="bold"
    )
    # A number that is cut off is worse than a line that the terminal breaks.
    least = Measurement.get(console, console.options.update(max_width=WIDE), table).minimum
    console.width = max(console.width, least)
    console.print(table)
    console.print(f"\n{legend(document)}", style="dim", markup=False)


def _numbers(row: Mapping[str, Any], digits: Mapping[str, int]) -> list[str]:
    found = []
    for name, decimals in digits.items():
        amounts = row[name]
        found += [f"{amounts[column]:,.{decimals}f}" for column in ("requested", "used", "wasted")]
        found.append(share(amounts))
    return found


def share(amounts: Mapping[str, float]) -> str:
    """Return how much of what is requested is wasted, in percent."""
    if not amounts["requested"]:
        return "-"
    return f"{100 * amounts['wasted'] / amounts['requested']:.0f}"


def legend(document: Mapping[str, Any]) -> str:
    """Return the line that says what the numbers are."""
    units = " and ".join(
        f"{TITLES[name]} in {UNITS[name][0]} over {document['hours'][name]} h"
        for name in document["resources"]
    )
    return (
        f"{document['from']} to {document['to']}; {units}. Per pod and hour: largest request and"
        " largest usage; wasted is request minus usage, % of the request."
    )
