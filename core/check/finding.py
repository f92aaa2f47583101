"""What `promferry check` finds: a line, how bad it is, and what cures it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import attrs

from ..errors import ConfigurationError
from ..exits import Exit


class Level(StrEnum):
    """How bad a finding is, from good to bad."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; the export works as it is."""
    DOWN = "down"
    """Can't be had now; a later run may have it."""
    WRONG = "wrong"
    """Somebody has to change something; waiting will not help."""


class Code(StrEnum):
    """What was looked at, or what is wrong: stable names, as docs/troubleshooting.md has them."""

    SERVER = "server"
    SERVER_UNREACHABLE = "server.unreachable"
    SERVER_REFUSES = "server.refuses"
    SERVER_TLS = "server.tls"
    SERVER_INSECURE = "server.insecure"
    SERVER_NOT_PROMETHEUS = "server.not-prometheus"
    SERVER_FAILS = "server.fails"
    CREDENTIALS = "credentials"
    CLOCK = "clock"
    HISTORY = "history"
    HISTORY_SHORT = "history.short"
    HISTORY_BEGINNING = "history.beginning"
    MATCHERS_NOTHING = "matchers.nothing"
    CLUSTERS = "clusters"
    CLUSTERS_MIXED = "clusters.mixed"
    CLUSTERS_LABEL = "clusters.label"
    KUBE_STATE = "kube-state-metrics"
    KUBE_STATE_MISSING = "kube-state-metrics.missing"
    KUBE_STATE_OLD = "kube-state-metrics.old"
    KUBE_STATE_TWICE = "kube-state-metrics.twice"
    KUBE_STATE_LABELS = "kube-state-metrics.labels"
    CADVISOR = "cadvisor"
    CADVISOR_MISSING = "cadvisor.missing"
    CADVISOR_LABELS = "cadvisor.labels"
    CADVISOR_TWICE = "cadvisor.twice"
    INTERVAL = "interval"
    INTERVAL_LONG = "interval.long"
    INTERVAL_STEP = "interval.step"
    METRIC = "metric"
    METRIC_EMPTY = "metric.empty"
    METRIC_UNEXPECTED = "metric.unexpectedly-empty"
    METRIC_REJECTED = "metric.rejected"
    METRIC_TOO_MUCH = "metric.too-much"
    SINK = "sink"
    SINK_OPEN = "sink.open"
    SINK_WRITE = "sink.write"
    SINK_READ = "sink.read"
    SINK_LIST = "sink.list"
    SINK_DELETE = "sink.delete"


@attrs.frozen
class Finding:
    """One line. `subject` is what was looked at, `cure` what to do; `facts` are for `--json`."""

    level: Level
    code: Code
    subject: str
    text: str
    cure: str = ""
    facts: Mapping[str, Any] = attrs.field(factory=dict)


def of_error(error: Exception, code: Code, subject: str, cure: str = "") -> Finding:
    """Return the finding that an error is; what it says to do becomes the cure.

    A known error says what, where and, behind a semicolon, what to do.
    """
    level = Level.WRONG if isinstance(error, ConfigurationError) else Level.DOWN
    text = " ".join(str(error).split())
    if not cure:
        said, _, cure = text.rpartition("; ")
        text = said or text
        cure = cure if said else "try again later; `promferry run` does so by itself"
    return Finding(level, code, subject, text, cure)


def exit_status(findings: Iterable[Finding]) -> Exit:
    """Return 2 where something is wrong, else 1 where something can't be reached, else 0."""
    levels = {finding.level for finding in findings}
    if Level.WRONG in levels:
        return Exit.CONFIGURATION
    return Exit.INCOMPLETE if Level.DOWN in levels else Exit.DONE


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each level, those without one included."""
    found = Counter(finding.level for finding in findings)
    return {level.value: found[level] for level in Level}
