"""The cluster's exporters: kube-state-metrics, cAdvisor, how often they are scraped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Final

from ..job import Job
from ..promql_tokens import quoted
from ..template import covered
from .asking import Asking, total
from .expected import series_names
from .finding import Code, Finding, Level

_CLUSTER_LABEL: Final = re.compile(r"(?!label_|exported_)\w*cluster\w*", re.IGNORECASE)
_NODES: Final = "kube_node_info"
_CPU: Final = "container_cpu_usage_seconds_total"
_FLAG: Final = "--metric-labels-allowlist=pods=[*],nodes=[*],namespaces=[*]"
_FEW: Final = 4
_OLDEST: Final = (2, 1)
_OTHER_NAMES: Final = "kube_pod_container_resource_requests_cpu_cores"  # until version 2
_VERSION: Final = f"""
count by (version) (kube_state_metrics_build_info)
or count by (image) (kube_pod_container_info{{image=~".*kube-state-metrics:.*"}})
or count by (__name__) ({_OTHER_NAMES})"""


def clusters(asking: Asking, job: Job) -> Iterator[Finding]:
    """Say whether one store holds several clusters that nothing tells apart."""
    settings = job.catalogue_settings
    if not asking.count(_NODES):
        if settings.matchers and total(asking.raw(f"count({_NODES})")):
            yield Finding(
                Level.WRONG, Code.MATCHERS_NOTHING, "MATCHERS",
                f"{settings.matchers} fits no series, and without it there are some",
                "correct MATCHERS: `promferry metrics show pod_info` prints a query to try",
            )  # fmt: skip
        return
    every = asking.label_names(_NODES)
    names = [name for name in every if _CLUSTER_LABEL.fullmatch(name)]
    if settings.cluster_label:
        is_there = settings.cluster_label in every
        yield _kept_apart(settings.cluster_label, names, is_there=is_there)
        return
    for label in sorted(names, key=lambda name: (name != "cluster", name)):
        rows = asking.rows(f"count by ({label}) ({_NODES})")
        values = sorted(row.labels.get(label, "") for row in rows)
        if len(values) > 1:
            shown = ", ".join(values[:5]) + (" ..." if len(values) > 5 else "")  # noqa: PLR2004
            yield Finding(
                Level.WRONG, Code.CLUSTERS_MIXED, "clusters",
                f"this store holds {len(values)} clusters by the label {label} ({shown}), and they"
                " would be exported as one",
                f"set MATCHERS='{label}={quoted(values[0])}' for one of them, or"
                f" CLUSTER_LABEL={label} to keep them apart in one export",
                {"label": label, "values": values},
            )  # fmt: skip
            return
    yield Finding(Level.OK, Code.CLUSTERS, "clusters", "the store holds one cluster")


def _kept_apart(label: str, names: list[str], *, is_there: bool) -> Finding:
    """Judge `CLUSTER_LABEL`; `names` are the labels that are called after clusters."""
    if is_there:
        return Finding(Level.OK, Code.CLUSTERS, "clusters", f"kept apart by CLUSTER_LABEL={label}")
    instead = f"set CLUSTER_LABEL={names[0]}" if names else "unset it where there is one cluster"
    return Finding(
        Level.WRONG, Code.CLUSTERS_LABEL, "clusters",
        f"CLUSTER_LABEL={label} keeps nothing apart: {_NODES} has no such label",
        f"{instead}; an external label of each cluster's Prometheus is what is meant",
    )  # fmt: skip


def kube_state(asking: Asking) -> Iterator[Finding]:
    """Say whether kube-state-metrics is there, how old, how often, and with which labels."""
    pods = asking.count("kube_pod_info")
    subject = "kube-state-metrics"
    if not pods:
        yield Finding(
            Level.WRONG, Code.KUBE_STATE_MISSING, subject, "there is no kube_pod_info",
            "install kube-state-metrics 2.1 or later, and have this server scrape it",
        )  # fmt: skip
        return
    version = _version(asking)
    if version and version < _OLDEST:
        yield Finding(
            Level.WRONG, Code.KUBE_STATE_OLD, subject,
            f"version {'.'.join(map(str, version))} names its metrics and labels otherwise",
            "upgrade it to 2.1 or later",
        )  # fmt: skip
    else:
        told = f"version {'.'.join(map(str, version))}" if version else "there"
        yield Finding(Level.OK, Code.KUBE_STATE, subject, f"{told}, {pods} pods")
    doubled = asking.count("count by (namespace, pod, uid) (kube_pod_info) > 1")
    if doubled:
        yield Finding(
            Level.NOTE, Code.KUBE_STATE_TWICE, subject,
            f"{doubled} pods are seen twice: {_scrapers(asking, 'kube_pod_info', 'instance')}",
            "remove one; the built-in queries count each pod once meanwhile",
            {"pods": doubled},
        )  # fmt: skip
    bare = [
        what
        for what in ("pod", "node", "namespace")
        if not any(name.startswith("label_") for name in asking.label_names(f"kube_{what}_labels"))
    ]
    if bare:
        yield Finding(
            Level.NOTE, Code.KUBE_STATE_LABELS, subject,
            f"it shows no Kubernetes label of {', '.join(f'{what}s' for what in bare)}:"
            f" {', '.join(f'{what}_labels' for what in bare)} will be empty of them",
            f"start kube-state-metrics with {_FLAG}",
        )  # fmt: skip


def _version(asking: Asking) -> tuple[int, int] | None:
    """Return what it says of itself, what its image says, or how its metrics are called."""
    for row in asking.rows(_VERSION):
        said = row.labels.get("version") or row.labels.get("image", "").rpartition(":")[2]
        if found := re.match(r"v?(\d+)\.(\d+)", said):
            return int(found[1]), int(found[2])
        if row.labels.get("__name__") == _OTHER_NAMES:
            return 1, 9
    return None


def cadvisor(asking: Asking) -> Iterator[Finding]:
    """Say whether containers' usage is there, told apart, and there once."""
    series = asking.count(_CPU)
    if not series:
        yield Finding(
            Level.WRONG, Code.CADVISOR_MISSING, "cAdvisor", f"there is no {_CPU}",
            "have this server scrape each kubelet's /metrics/cadvisor",
        )  # fmt: skip
        return
    if not asking.count(f'{_CPU}{{pod!="",container!=""}}'):
        yield Finding(
            Level.WRONG, Code.CADVISOR_LABELS, "cAdvisor",
            f"{series} series of {_CPU}, none with the labels pod and container",
            "scrape the kubelet's /metrics/cadvisor (not a cAdvisor of your own without Kubernetes'"
            " names), and keep these labels in metric_relabel_configs",
        )  # fmt: skip
        return
    yield Finding(Level.OK, Code.CADVISOR, "cAdvisor", f"{series} series of {_CPU}")
    same = 'count by (namespace, pod, container, id, cpu) ({}{{container!=""}}) > 1'
    doubled = asking.count(same.format(_CPU))
    if doubled:
        yield Finding(
            Level.NOTE, Code.CADVISOR_TWICE, "cAdvisor",
            f"{doubled} containers are scraped twice: {_scrapers(asking, _CPU)}",
            "remove one of the two; the built-in queries count each container once meanwhile",
            {"containers": doubled},
        )  # fmt: skip


def _scrapers(asking: Asking, selector: str, *more: str) -> str:
    """Return who scrapes these series, by the labels that tell them apart."""
    labels = ("job", "service", "endpoint", "prometheus", "prometheus_replica", "replica", *more)
    rows = [row.labels for row in asking.rows(f"count by ({', '.join(labels)}) ({selector})")]
    several = [name for name in labels if len({row.get(name, "") for row in rows}) > 1]
    told = [" ".join(f"{name}={row.get(name, '')}" for name in several) for row in rows]
    shown = " and ".join(sorted(told)[:_FEW])
    if len(told) > _FEW:
        shown += f" and {len(told) - _FEW} more"
    return f"by {shown}" if several else "by two instances of one job"


def interval(asking: Asking, job: Job) -> Iterator[Finding]:
    """Hold the time between two scrapes against the steps: a rate needs two samples."""
    steps = [metric.step for metric in job.metrics if _CPU in series_names(metric.query)]
    row = asking.first(f'{_CPU}{{container!=""}}') if steps else None
    if row is None:
        return
    wanted = ("namespace", "pod", "container", "instance", "job", "id")
    inside = ",".join(
        f"{name}={quoted(row.labels[name])}" for name in wanted if row.labels.get(name)
    )
    times = asking.times(f"{_CPU}{{{inside}}}", 3600)
    if len(times) < 3:  # noqa: PLR2004
        return
    seconds = median(later - earlier for earlier, later in pairwise(times))
    step = min(steps)
    if seconds * 2 > covered(step):
        yield Finding(
            Level.WRONG, Code.INTERVAL_LONG, "scrape interval",
            f"{seconds:.0f} s between two scrapes, but rates over {covered(step)} s: gaps in usage",
            f"set QUERY_STEP to at least {math.ceil(seconds * 2)}, or scrape more often",
            {"seconds": seconds},
        )  # fmt: skip
    elif seconds > step:
        yield Finding(
            Level.NOTE, Code.INTERVAL_STEP, "scrape interval",
            f"{seconds:.0f} s between two scrapes, a step of {step} s: each value is there twice",
            f"QUERY_STEP={math.ceil(seconds)} exports all that there is",
            {"seconds": seconds},
        )  # fmt: skip
    else:
        yield Finding(
            Level.OK, Code.INTERVAL, "scrape interval", f"{seconds:.0f} s, and a step of {step} s"
        )
