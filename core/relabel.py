"""PromQL that gives series the labels of their object instead of those of the scrape target.

Text in, text out: these are the filters that templates of metric definitions use. A filter may
leave further labels behind (`SCRATCH`), so it belongs inside an aggregation that names what it
keeps, or what it drops with `TARGET_LABELS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from .promql_parts import parts

SCRATCH: Final = ("promferry_own", "promferry_node")
"""Where each filter keeps what it overwrites, so that two series never become one by it."""

OWN: Final = ("namespace", "pod", "container", "node", "service")
"""Labels that an object and its scrape target both have; the loser is renamed to `exported_*`."""

TARGET_LABELS: Final = ", ".join(
    (
        "job", "instance", "endpoint", "service", "container", "metrics_path", "scheme",
        "prometheus", "prometheus_replica", "prometheus_group", "replica", "__replica__",
        "thanos_replica", "receive_replica", "rule_replica",
        "app_kubernetes_io_name", "app_kubernetes_io_instance", "app_kubernetes_io_component",
        "app_kubernetes_io_part_of", "app_kubernetes_io_version", "app_kubernetes_io_managed_by",
        "helm_sh_chart",
        *(f"exported_{name}" for name in (*OWN, "job", "instance", "endpoint")), *SCRATCH,
    )
)  # fmt: skip
"""Labels that say who scraped what, for `max without (...)` where all labels of an object are kept.

`namespace`, `pod` and `node` are not in it: some objects have them.
"""

# A host, without its port: a name or IPv4 address, [IPv6]:port, or a bare IPv6 address.
_HOST: Final = r"\[?([^:\[\]]+|[^\[\]]*:[^\[\]]*:[^\[\]]*)\]?(:[0-9]+)?"


def own_labels(expr: str, *names: str) -> str:
    """Return `expr` with the object's own value in each of `names` (`OWN` if none is given).

    Where the scrape's labels won (no `honorLabels`), that is the one under `exported_*`. Series
    without any `exported_*` are not touched: label functions cost the server as much as the query.
    """
    names = names or OWN
    exported = [f"exported_{name}" for name in names]
    conditions = [_empty(exported)]
    conditions += [f'{_empty(exported[:n])}{exported[n]}!=""' for n in range(len(exported))]
    found = parts(expr, conditions, exported)
    if found is None:
        return _own(expr, names)
    untouched, *others = found
    return _any([untouched, *(_own(other, names[n:]) for n, other in enumerate(others))])


def with_node(expr: str, source: str = "instance") -> str:
    """Return `expr` with `node` filled from the label `source`, less its port, where it is empty.

    Where `node` belongs to the scrape target and the object's own is `exported_node`, use
    `own_labels` first.
    """
    found = parts(expr, ['node!=""', 'node=""'], ["node", source])
    if found is None:
        return _node(expr, source)
    return _any([found[0], _node(found[1], source)])


def _own(expr: str, names: Iterable[str]) -> str:
    text = _join(expr, SCRATCH[0], *names)
    for name in names:
        text = _replace(text, name, f"exported_{name}", "(.+)")
    return text


def _node(expr: str, source: str) -> str:
    return _replace(_join(expr, SCRATCH[1], "node", source), "node", SCRATCH[1], f";{_HOST}")


def _empty(labels: Iterable[str]) -> str:
    return "".join(f'{label}="", ' for label in labels)


def _any(exprs: Sequence[str]) -> str:
    # From the right: the first part, which has nearly all series, then goes through one `or` only.
    first, *others = exprs
    return f"(\n  {first}\n  or {_any(others)}\n)" if others else first


def _replace(expr: str, label: str, source: str, pattern: str) -> str:
    # Never with an empty replacement: VictoriaMetrics then mixes up the labels that follow.
    return f"label_replace({expr}, {_list(label, '$1', source, pattern)})"


def _join(expr: str, label: str, *names: str) -> str:
    return f"label_join({expr}, {_list(label, ';', *names)})"


def _list(*texts: str) -> str:
    return ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
