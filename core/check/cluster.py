"""The cluster's exporters: kube-state-metrics, cAdvisor, how often they are scraped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Final

from ..job import Job
from .asking import Asking, total
from .finding import Code, Finding, Level

_CLUSTER_LABELS: Final = (
    "cluster",
    "cluster_name",
    "cluster_id",
    "k8s_cluster",
    "k8s_cluster_name",
)
_CPU: Final = "container_cpu_usage_seconds_total"
_FLAG: Final = "--metric-labels-allowlist=pods=[*],nodes=[*]"


def clusters(asking: Asking, job: Job) -> Iterator[Finding]:
    """Say whether one store holds several clusters that nothing tells apart."""
    settings = job.catalogue_settings
    if settings.matchers and not asking.count("kube_node_info"):
        if total(asking.raw("count(kube_node_info)")):
            yield Finding(
                Level.WRONG, Code.MATCHERS_NOTHING, "MATCHERS",
                f"{settings.matchers} fits no series, and without it there are some",
                "correct MATCHERS: `promferry metrics show pod_info` prints a query to try",
            )  # fmt: skip
        return
    if settings.cluster_label:
        return
    names = asking.label_names("kube_node_info")
    for label in (each for each in _CLUSTER_LABELS if each in names):
        rows = asking.rows(f"count by ({label}) (kube_node_info)")
        values = sorted(row.labels.get(label, "") for row in rows)
        if len(values) > 1:
            shown = ", ".join(values[:5]) + (" ..." if len(values) > 5 else "")  # noqa: PLR2004
            yield Finding(
                Level.WRONG, Code.CLUSTERS_MIXED, "clusters",
                f"this store holds {len(values)} clusters by the label {label} ({shown}), and they"
                " would be exported as one",
                f"set MATCHERS='{label}=\"{values[0]}\"' for one of them, or CLUSTER_LABEL={label}"
                " to keep them apart in one export",
                {"label": label, "values": values},
            )  # fmt: skip
            return
    yield Finding(Level.OK, Code.CLUSTERS, "clusters", "the store holds one cluster")


def kube_state(asking: Asking) -> Iterator[Finding]:
    """Say whether kube-state-metrics is there, how old, how often, and with which labels."""
    pods = asking.count("kube_pod_info")
    subject = "kube-state-metrics"
    if not pods:
        yield Finding(
            Level.WRONG, Code.KUBE_STATE_MISSING, subject, "there is no kube_pod_info",
            "install kube-state-metrics 2.0 or later, and have this server scrape it",
        )  # fmt: skip
        return
    build = asking.first("kube_state_metrics_build_info")
    version = build.labels.get("version", "") if build else ""
    if re.match(r"v?[01]\.", version):
        yield Finding(
            Level.WRONG, Code.KUBE_STATE_OLD, subject,
            f"version {version} names its metrics otherwise", "upgrade it to 2.0 or later",
        )  # fmt: skip
    else:
        yield Finding(Level.OK, Code.KUBE_STATE, subject, f"{version or 'there'}, {pods} pods")
    doubled = asking.count("count by (namespace, pod, uid) (kube_pod_info) > 1")
    if doubled:
        yield Finding(
            Level.NOTE, Code.KUBE_STATE_TWICE, subject,
            f"{doubled} pods are seen twice: two of them are scraped, or one by two jobs",
            "remove one; the built-in queries count each pod once meanwhile",
            {"pods": doubled},
        )  # fmt: skip
    for what in ("pod", "node"):
        metric = f"kube_{what}_labels"
        labels = asking.label_names(metric)
        if not any(name.startswith("label_") for name in labels):
            yield Finding(
                Level.NOTE, Code.KUBE_STATE_LABELS, subject,
                f"{metric} carries no Kubernetes label: {what}_labels will be empty of them",
                f"start kube-state-metrics with {_FLAG}",
            )  # fmt: skip


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
            f"{doubled} containers are scraped twice, by two jobs perhaps",
            "remove one of the jobs; the built-in queries count each container once meanwhile",
            {"containers": doubled},
        )  # fmt: skip


def interval(asking: Asking, job: Job) -> Iterator[Finding]:
    """Hold the time between two scrapes against the step: a rate needs two samples in it."""
    step = job.catalogue_settings.query_step
    row = asking.first(f'{_CPU}{{container!=""}}') or asking.first(_CPU)
    if row is None:
        return
    wanted = ("namespace", "pod", "container", "instance", "job", "id")
    inside = ",".join(
        '{}="{}"'.format(name, row.labels[name].replace("\\", "\\\\").replace('"', '\\"'))
        for name in wanted
        if row.labels.get(name)
    )
    times = asking.times(f"{_CPU}{{{inside}}}", 3600)
    if len(times) < 3:  # noqa: PLR2004
        return
    seconds = median(later - earlier for earlier, later in pairwise(times))
    if seconds * 2 > step:
        yield Finding(
            Level.WRONG, Code.INTERVAL_LONG, "scrape interval",
            f"{seconds:.0f} s between two scrapes, QUERY_STEP is {step} s: rates have gaps",
            f"set QUERY_STEP to at least {int(seconds * 2)}, or scrape more often",
            {"seconds": seconds},
        )  # fmt: skip
    else:
        yield Finding(
            Level.OK, Code.INTERVAL, "scrape interval", f"{seconds:.0f} s, QUERY_STEP {step} s"
        )
