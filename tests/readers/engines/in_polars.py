"""Runs programs for polars; `in_duckdb.py` says how a job and its answers look."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

job = json.load(sys.stdin)
found = {}
scope: dict[str, Any] = {}
for metric, text in job["samples"].items():
    exec(text, scope)
    found[metric] = [
        [
            {name: row[name] for name in scope["labels"] if row[name] is not None},
            row["time"].replace(tzinfo=dt.UTC).timestamp(),
            repr(row["value"]),
        ]
        for row in scope["samples"].collect().to_dicts()
    ]
exec(job["query"], scope)
rows = [[str(day), *rest] for day, *rest in scope["core_hours"].rows()]
json.dump({"samples": found, "rows": rows}, sys.stdout)
