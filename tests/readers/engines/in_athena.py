"""Takes Athena's statements apart, and asks the query of DuckDB, in DuckDB's dialect.

There is no Athena to be had. What is checked: that the table's statement parses, which columns,
partitions and properties it has, and that the query answers right over a table of these columns.

The job: `table`, `query`, and `files`: what is to be loaded, by the values of the partitions, in
order. The answers: `columns`, `partitions`, `properties`, `rows`.
"""

from __future__ import annotations

import json
import sys

import duckdb
import sqlglot
from sqlglot import exp

job = json.load(sys.stdin)
table = sqlglot.parse_one(job["table"], read="athena")
assert isinstance(table, exp.Create), table


def columns(schema: exp.Expression) -> dict[str, str]:
    return {each.name: each.args["kind"].sql("duckdb") for each in schema.expressions}


partitioned = table.find(exp.PartitionedByProperty)
assert partitioned is not None
own, partitions = columns(table.this), columns(partitioned.this)
properties = {
    each.name: each.args["value"].name
    for each in table.args["properties"].expressions
    if type(each) is exp.Property
}
(query,) = sqlglot.transpile(job["query"], read="athena", write="duckdb")
with duckdb.connect() as tables:
    types = ", ".join(f'"{name}" {kind}' for name, kind in {**own, **partitions}.items())
    tables.execute(f"SET TimeZone = 'UTC'; CREATE TABLE {table.this.this.name} ({types})")
    read = ", ".join(f"'{name}': '{kind}'" for name, kind in own.items())
    for values, paths in job["files"]:
        tables.execute(
            f"INSERT INTO {table.this.this.name} SELECT *, {', '.join('?' * len(values))}"
            " FROM read_json(?, format = 'newline_delimited', hive_partitioning = false,"
            f" columns = {{{read}}})",
            [*values, paths],
        )
    rows = [[str(day), *rest] for day, *rest in tables.execute(query).fetchall()]
answers = {"columns": own, "partitions": partitions, "properties": properties, "rows": rows}
json.dump(answers, sys.stdout)
