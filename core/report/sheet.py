"""The report as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from .document import COLUMNS, UNITS
from .plain import cell

_DIGITS = 6


def sheet(document: Mapping[str, Any]) -> str:
    """Return a heading and a line for each row; numbers in core-hours and GiB-hours."""
    who = ["cluster"] if document["several_clusters"] else []
    who += ["namespace"] if document["by"] == "namespace" else ["namespace", "workload"]
    heading = [*who, "pods"]
    for name in document["resources"]:
        unit = UNITS[name][0].lower().replace("-", "_")
        heading += [f"{name}_{column}_{unit}" for column in COLUMNS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    for row in document["rows"]:
        line: list[str | int | float] = [cell(row[each]) for each in who]
        line.append(row["pods"])
        for name in document["resources"]:
            line += [round(row[name][column], _DIGITS) for column in COLUMNS]
        writer.writerow(line)
    return text.getvalue()
