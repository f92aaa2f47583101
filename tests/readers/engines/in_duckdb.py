"""Runs statements in DuckDB.

As in all engines here a job comes as JSON on standard input and its answers go as JSON to standard
output. The job: `samples` (by metric, what makes its samples), `query` (what is asked of the
samples of the last metric), and here `extension` (loaded from its package) and `setup` (statements
that come first). The answers: `samples` (by metric, a list of labels, Unix time and value as text)
and `rows` (of the query).
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from importlib import resources

import duckdb

job = json.load(sys.stdin)
with duckdb.connect() as tables:
    if "extension" in job:
        name = job["extension"]
        package = resources.files(f"duckdb_extension_{name}")
        folder = package / "extensions" / f"v{duckdb.__version__}"
        tables.execute(f"LOAD '{folder / f'{name}.duckdb_extension'}'")
    tables.execute(job["setup"])
    found = {}
    for metric, statement in job["samples"].items():
        tables.execute(statement)
        found[metric] = [
            [labels, time.replace(tzinfo=dt.UTC).timestamp(), repr(value)]
            for labels, time, value in tables.execute("FROM samples").fetchall()
        ]
    rows = [[str(day), *rest] for day, *rest in tables.execute(job["query"]).fetchall()]
json.dump({"samples": found, "rows": rows}, sys.stdout)
