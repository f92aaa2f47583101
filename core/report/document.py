"""The report as one document: what the table, the CSV and the page are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..times import iso
from .measure import RESOURCES, Amounts, Hours, Measured, Row

UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "cpu": ("core-hours", 1.0),
    "memory": ("GiB-hours", 2.0**30),
}
"""Of each resource the unit that is shown, and its size in the unit of the metric, by the hour."""

COLUMNS: Final = ("requested", "used", "billed", "wasted")
"""The amounts of a resource: sums over pods and hours. `billed` is the larger of the first two."""

_PHASES_NOTE: Final = (
    "no pod_phase was exported: requests count for pods, too, that are over or wait for a node"
)


def document(
    measured: Measured, *, cluster: str, place: str, by: str, top: int | None
) -> dict[str, Any]:
    """Return the document; a resource without an hour to be judged is not in `resources`.

    Rows come with the largest waste first. Where there are several resources, waste is compared as
    a share of what is billed of each, since a core and a GiB have no common measure but their
    price.
    """
    resources = [
        name
        for name in RESOURCES
        if any(each.whole for each in measured.hours if each.resource == name)
    ]
    totals = _totals(measured.rows, resources)
    weights = {name: 1 / (totals[name]["billed"] or 1) for name in resources}
    rows = sorted(
        (_shown(row, resources) for row in measured.rows),
        key=lambda row: (
            -sum(row[name]["wasted"] * weights[name] for name in resources),
            row["cluster"], row["namespace"], row["workload"],
        ),
    )  # fmt: skip
    kept = rows if top is None else rows[:top]
    return {
        "cluster": cluster,
        "place": place,
        "by": by,
        "from": None if measured.first is None else iso(measured.first),
        "to": None if measured.last is None else iso(measured.last),
        "resources": resources,
        "digits": {name: _digits(totals[name]["billed"]) for name in resources},
        "several_clusters": any(row["cluster"] for row in rows),
        "hours": {
            name: max(each.whole for each in measured.hours if each.resource == name)
            for name in resources
        },
        "rows": kept,
        "others": len(rows) - len(kept),
        "totals": totals,
        "notes": [*_notes(measured)],
    }


def _shown(row: Row, resources: Iterable[str]) -> dict[str, Any]:
    return {
        "cluster": row.cluster,
        "namespace": row.namespace,
        "workload": f"{row.kind}/{row.name}" if row.kind else "",
        "pods": row.pods,
        **{name: _amounts(name, row.amounts[name]) for name in resources},
    }


def _amounts(resource: str, amounts: Amounts) -> dict[str, float]:
    _, size = UNITS[resource]
    return {column: getattr(amounts, column) / size for column in COLUMNS}


def _totals(rows: Iterable[Row], resources: Iterable[str]) -> dict[str, dict[str, float]]:
    rows = list(rows)
    return {
        name: {
            column: sum(getattr(row.amounts[name], column) for row in rows) / UNITS[name][1]
            for column in COLUMNS
        }
        for name in resources
    }


def _digits(total: float) -> int:
    """Return how many decimals are shown to people: fewer where the numbers are large."""
    for digits, below in ((2, 1e3), (1, 1e5)):
        if total < below:
            return digits
    return 0


def _notes(measured: Measured) -> Iterable[str]:
    """Yield what the numbers leave out, and why."""
    for resource, (requests, usage, _) in RESOURCES.items():
        absent = [name for name in (requests, usage) if name not in measured.metrics]
        if absent:
            yield f"{resource}: no file of {' and '.join(absent)}: nothing can be said of it"
            continue
        for hours in measured.hours:
            if hours.resource == resource:
                yield from _gaps(hours, requests, usage)
    if "pod_phase" not in measured.metrics:
        yield _PHASES_NOTE
    if "pod_owner" not in measured.metrics:
        yield "no pod_owner was exported: each pod counts as a workload of its own"


def _gaps(hours: Hours, requests: str, usage: str) -> Iterable[str]:
    where = f" of cluster {hours.cluster}" if hours.cluster else ""
    for count, metric in ((hours.without_requests, requests), (hours.without_usage, usage)):
        if count:
            yield (
                f"{hours.resource}: {count} h{where} are left out, since {metric} has no sample in"
                " them; `promferry status` lists holes"
            )
