"""The table of docs/metrics.md; `python -m tests.catalogue.docs_table` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from promql_parser import parse, walk

from promferry.core.catalogue import Metric
from tests.catalogue.conftest import catalogue

PAGE: Final = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN: Final = "<!-- table: made from queries/*.yaml -->\n"
END: Final = "<!-- end of the table -->\n"


def table() -> str:
    """Return the Markdown table of the built-in catalogue."""
    lines = ["| name | unit | labels | what it is | from |", "|---|---|---|---|---|"]
    lines += [_row(metric) for metric in catalogue().metrics]
    return "\n".join(lines) + "\n"


def _row(metric: Metric) -> str:
    labels, series = _labels(metric), _series(metric)
    cells = (f"`{metric.name}`", metric.unit, labels, metric.description, series)
    return f"| {' | '.join(cells)} |"


def _series(metric: Metric) -> str:
    names: list[str] = []

    def visit(node: Any) -> None:
        name = getattr(node, "name", None)
        if name and type(node).__name__ == "VectorSelector" and name not in names:
            names.append(name)

    walk(parse(metric.query), pre_visit=visit)
    return ", ".join(f"`{name}`" for name in names)


def _labels(metric: Metric) -> str:
    found: list[str] = []
    said: list[str] = []

    def visit(node: Any) -> None:
        kind = type(node).__name__
        if kind == "Call" and node.func.name == "label_replace" and not found:
            said.append(node.args[1].val)
        if kind == "AggregateExpr" and not found:
            without = str(node.modifier.type).endswith("Without")
            found.extend(["all of the object"] if without else node.modifier.labels)

    walk(parse(metric.query), pre_visit=visit)
    return ", ".join([*found, *said])


def page(text: str) -> str:
    """Return the page with the table renewed."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
