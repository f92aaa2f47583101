"""Runs statements in ClickHouse; `in_duckdb.py` says how a job and its answers look."""

from __future__ import annotations

import json
import sys
from typing import Any

from chdb.session import Session

job = json.load(sys.stdin)


def ask(statement: str) -> list[dict[str, Any]]:
    lines = bytes(session.query(statement, "JSONEachRow").bytes()).splitlines()
    return [json.loads(line) for line in lines]


with Session() as session:
    found = {}
    for metric, statement in job["samples"].items():
        session.query(statement.rstrip().rstrip(";"))
        told = ask(
            "SELECT labels, toUnixTimestamp64Milli(time) / 1000 AS t, toString(value) AS v"
            " FROM samples"
        )
        found[metric] = [[row["labels"], row["t"], repr(float(row["v"]))] for row in told]
    answer = ask(job["query"].rstrip().rstrip(";"))
    rows = [[row["day"], row["namespace"], row["core_hours"]] for row in answer]
json.dump({"samples": found, "rows": rows}, sys.stdout)
