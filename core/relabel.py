"""PromQL that gives series the labels of their object instead of those of the scrape target.

Text in, text out: these are the filters that templates of metric definitions use. A filter may
leave further labels behind (`SCRATCH`), so it belongs inside an aggregation that names what it
keeps, or what it drops with `TARGET_LABELS`.
"""

from __future__ import annotations

import json
from typing import Final

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

    Where the scrape's labels won (no `honorLabels`), that is the one under `exported_*`.
    """
    names = names or OWN
    text = _join(expr, SCRATCH[0], *names)
    for name in names:
        text = _replace(text, name, f"exported_{name}", "(.+)")
    return text


def with_node(expr: str, source: str = "instance") -> str:
    """Return `expr` with `node` filled from the label `source`, less its port, where it is empty.

    Where `node` belongs to the scrape target and the object's own is `exported_node`, use
    `own_labels` first.
    """
    return _replace(_join(expr, SCRATCH[1], "node", source), "node", SCRATCH[1], f";{_HOST}")


def _replace(expr: str, label: str, source: str, pattern: str) -> str:
    # Never with an empty replacement: VictoriaMetrics then mixes up the labels that follow.
    return f"label_replace({expr}, {_list(label, '$1', source, pattern)})"


def _join(expr: str, label: str, *names: str) -> str:
    return f"label_join({expr}, {_list(label, ';', *names)})"


def _list(*texts: str) -> str:
    return ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
