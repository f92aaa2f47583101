"""Working out, day by day, what was requested and what was used."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, Final

import attrs
import duckdb

from ..errors import TryLaterError
from ..progress import progress
from ..times import iso
from . import statements
from .files import Files, Source

RESOURCES: Final[Mapping[str, tuple[str, str, str]]] = {
    "cpu": ("cpu_requests", "cpu_usage", statements.CPU_USAGE),
    "memory": ("memory_requests", "memory_usage", statements.MEMORY_USAGE),
}
"""Of each resource the metric of its requests, that of its usage, and how that is added up."""

_OWNERS: Final = (
    ("pod_owner", "Pod", "pod"),
    ("replicaset_owner", "ReplicaSet", "replicaset"),
    ("job_owner", "Job", "job_name"),
)
_PHASES: Final = "pod_phase"
_METRICS: Final = frozenset(
    [*(name for each in RESOURCES.values() for name in each[:2]),
     *(name for name, _, _ in _OWNERS), _PHASES]
)  # fmt: skip


@attrs.frozen
class Amounts:
    """Of one resource: core-hours or byte-hours."""

    requested: float
    used: float
    billed: float
    wasted: float


@attrs.frozen
class Row:
    """A workload or a namespace; `kind` and `name` are empty for a namespace."""

    cluster: str
    namespace: str
    kind: str
    name: str
    pods: int
    amounts: Mapping[str, Amounts]


@attrs.frozen
class Hours:
    """How many hours a resource has samples of both metrics, and how many of one alone."""

    resource: str
    cluster: str
    without_requests: int
    without_usage: int
    whole: int


@attrs.frozen
class Measured:
    """What the files say. `metrics` are those of which there was a file."""

    rows: tuple[Row, ...]
    hours: tuple[Hours, ...]
    metrics: frozenset[str]
    first: int | None
    last: int | None


def measure(source: Source, *, cluster_label: str | None, by_workload: bool) -> Measured:
    """Read the files of every day in the range; one day's are in memory or copied at a time."""
    seen: set[str] = set()
    days = source.days()
    with tempfile.TemporaryDirectory(prefix="promferry-report-") as scratch:
        room = Path(scratch)
        with _connected(room) as tables, progress(len(days), "reading") as bar:
            reader = _Reader(tables, source, cluster_label)
            for day, folder in days:
                with tempfile.TemporaryDirectory(dir=room) as today:
                    found = source.files(day, folder, _METRICS, Path(today))
                    reader.read(day, found)
                seen |= set(found)
                bar.advance(iso(day)[:10])
            return reader.measured(by_workload=by_workload, metrics=frozenset(seen))


class _Reader:
    def __init__(
        self, tables: duckdb.DuckDBPyConnection, source: Source, cluster_label: str | None
    ) -> None:
        self._tables = tables
        self._range = {
            "begin": float("-inf") if source.begin is None else source.begin,
            "end": float("inf") if source.end is None else source.end,
        }
        self._label = cluster_label

    def read(self, day: int, found: Files) -> None:
        """Add a day."""
        self._tables.execute(statements.CLEAR)
        self._over(found, _PHASES, statements.IDLE)
        for resource, (requests, usage, usage_statement) in RESOURCES.items():
            self._tables.execute(statements.CLEAR_AMOUNTS)
            self._over(found, requests, statements.REQUESTS, **self._range)
            self._over(found, usage, usage_statement, **self._range)
            self._tables.execute(statements.HOURS, {"resource": resource})
            self._tables.execute(statements.PODS, {"resource": resource})
        for metric, kind, label in _OWNERS:
            self._over(found, metric, statements.OWNERS, day=day, kind=kind, name_label=label)

    def measured(self, *, by_workload: bool, metrics: frozenset[str]) -> Measured:
        """Return what was read."""
        rows = self._tables.execute(statements.ROWS, {"by_workload": by_workload}).fetchall()
        hours = self._tables.execute(statements.MISSING).fetchall()
        ((first, last),) = self._tables.execute(statements.SPAN).fetchall()
        return Measured(
            tuple(_row(each) for each in rows),
            tuple(Hours(*each) for each in hours),
            metrics,
            first,
            last,
        )

    def _over(self, found: Files, metric: str, statement: str, **parameters: Any) -> None:
        """Run a statement over a metric's files of the day, where there are any."""
        if metric not in found:
            return
        paths = [glob.escape(str(path)) for path in found[metric]]
        try:
            self._tables.execute(statement, {"files": paths, "label": self._label, **parameters})
        except duckdb.Error as error:
            said = " ".join(str(error).split("\n\n")[0].split())
            raise TryLaterError(
                f"the report can't read the files of {metric} in {found[metric][0].parent}: {said};"
                " where one is damaged, `promferry run --from ... --to ... --metric"
                f" {metric}` exports it again"
            ) from error


def _row(found: tuple[Any, ...]) -> Row:
    cluster, namespace, kind, name, pods = found[:5]
    amounts = {
        resource: Amounts(*found[5 + 4 * number : 9 + 4 * number])
        for number, resource in enumerate(RESOURCES)
    }
    return Row(cluster, namespace, kind, name, pods, amounts)


@contextmanager
def _connected(room: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that spills into `room` and fetches nothing."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(room / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=settings) as tables:
        tables.execute(resources(__package__).joinpath("tables.sql").read_text("utf-8"))
        yield tables
