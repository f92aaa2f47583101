"""The run's outcome for monitoring: a file for node-exporter, a push to a Pushgateway, or both.

Publishing never decides how a run ends: what can't be published is a warning in the log.
"""

from __future__ import annotations

import base64
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import attrs
import requests

from .environ import var
from .errors import ConfigurationError

log = logging.getLogger(__name__)

_TIMEOUT: Final = (5.0, 10.0)  # seconds to connect, seconds to answer
_JOB: Final = "promferry"

Sample = tuple[Mapping[str, str], float]
"""Labels beside those of the run, and the value."""


def _gateway(text: str) -> str:
    if "@" in text:  # not a ValueError: its message would show what was given
        raise ConfigurationError(
            "PUSHGATEWAY_URL has a user or a password in it (not shown); accepted: an address such"
            " as http://pushgateway:9091"
        )
    parts = urlsplit(text)
    _ = parts.port  # raises ValueError for one that is no number
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no http or https address")
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment")
    return text.rstrip("/")


def _textfile(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".prom":
        raise ValueError("node-exporter reads only files that end in .prom")
    if not path.parent.is_dir():
        raise ValueError("no such folder")
    return path


@attrs.frozen
class TelemetrySettings:
    """Where the outcome of a run is published."""

    textfile: Path | None = var(
        "METRICS_TEXTFILE", _textfile, default=None, accepts="a path that ends in .prom",
        help="A file for node-exporter's textfile collector, replaced at the end of each run.",
    )  # fmt: skip
    pushgateway: str | None = var(
        "PUSHGATEWAY_URL", _gateway, default=None,
        accepts="an address such as http://pushgateway:9091, without user and password",
        help="A Pushgateway that each run pushes its outcome to.",
    )  # fmt: skip


@attrs.frozen
class MetricOutcome:
    """Where one exported metric stands after a run.

    `exported_until` is the newest end of its recorded coverage, Unix seconds, None where nothing is
    recorded; `holes` the number of windows due that are missing; `failed` whether this run failed
    to export something of it.
    """

    exported_until: float | None
    holes: int
    failed: bool


@attrs.frozen
class RunOutcome:
    """What one run did. Times in Unix seconds; `exit_status` as the process ends with.

    `shard` is the run's share, such as "0/4", or empty: runs side by side publish side by side.
    """

    cluster: str
    started: float
    finished: float
    exit_status: int
    metrics: Mapping[str, MetricOutcome] = attrs.field(factory=dict)
    objects: int = 0
    samples: int = 0
    bytes: int = 0
    queries: int = 0
    query_seconds: float = 0.0
    shard: str = ""


def render(outcome: RunOutcome) -> str:
    """Return the outcome in Prometheus' text format.

    `promferry_last_success_timestamp_seconds` is there only after a run that exported everything:
    whoever keeps the earlier value (see `publish`) keeps it by its absence.
    """
    labels = {"cluster": outcome.cluster} | ({"shard": outcome.shard} if outcome.shard else {})
    lines: list[str] = []

    def family(name: str, text: str, values: Iterable[Sample]) -> None:
        samples = [
            f"{name}{_labels({**labels, **more})} {_number(value)}" for more, value in values
        ]
        if samples:
            lines.extend([f"# HELP {name} {text}", f"# TYPE {name} gauge", *samples])

    def single(name: str, text: str, value: float) -> None:
        family(name, text, [({}, value)])

    single("promferry_last_run_timestamp_seconds", "When the last run ended.", outcome.finished)
    single(
        "promferry_last_run_duration_seconds",
        "How long the last run took.",
        outcome.finished - outcome.started,
    )
    single(
        "promferry_last_run_exit_status",
        "Exit status of the last run: 0 all exported, 1 not all, 2 configuration, 3 bug.",
        outcome.exit_status,
    )
    if outcome.exit_status == 0:
        single(
            "promferry_last_success_timestamp_seconds",
            "When the last run that exported everything due ended.",
            outcome.finished,
        )
    single("promferry_last_run_objects", "Objects the last run wrote.", outcome.objects)
    single("promferry_last_run_samples", "Samples the last run exported.", outcome.samples)
    single("promferry_last_run_bytes", "Compressed bytes the last run wrote.", outcome.bytes)
    single("promferry_last_run_queries", "Queries the last run made.", outcome.queries)
    single(
        "promferry_last_run_query_seconds",
        "Seconds the last run spent waiting for answers to its queries.",
        outcome.query_seconds,
    )
    named = sorted(outcome.metrics.items())
    family(
        "promferry_metric_exported_until_timestamp_seconds",
        "The newest end of what is recorded as exported.",
        [({"metric": n}, m.exported_until) for n, m in named if m.exported_until is not None],
    )
    family(
        "promferry_metric_holes",
        "Windows due that are missing.",
        [({"metric": name}, metric.holes) for name, metric in named],
    )
    family(
        "promferry_metric_failed",
        "1 where the last run failed to export something of the metric.",
        [({"metric": name}, int(metric.failed)) for name, metric in named],
    )
    return "\n".join(lines) + "\n"


def publish(settings: TelemetrySettings, outcome: RunOutcome) -> None:
    """Publish where the settings say; what fails is a warning."""
    if settings.textfile is not None:
        try:
            _write(settings.textfile, outcome)
        except OSError as error:
            log.warning(
                "METRICS_TEXTFILE: can't write %s: %s; the export itself is not affected",
                settings.textfile,
                error.strerror or error,
            )
    if settings.pushgateway is not None:
        try:
            _push(settings.pushgateway, outcome)
        except requests.RequestException as error:
            log.warning(
                "PUSHGATEWAY_URL: can't push to %s: %s; the export itself is not affected",
                settings.pushgateway,
                _cause(error),
            )


def _write(path: Path, outcome: RunOutcome) -> None:
    text = _with_last_success(render(outcome), path)
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)  # node-exporter runs under another user
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _with_last_success(text: str, path: Path) -> str:
    """Carry the last success over from the file that is about to be replaced."""
    name = "promferry_last_success_timestamp_seconds"
    if name in text:
        return text
    try:
        old = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return text
    kept = [line for line in old if line.startswith((name, f"# HELP {name} ", f"# TYPE {name} "))]
    return text + "".join(f"{line}\n" for line in kept)


def _push(url: str, outcome: RunOutcome) -> None:
    group = f"{url}/metrics/job/{_JOB}/cluster/{quote(outcome.cluster, safe='')}"
    if outcome.shard:
        group += f"/shard@base64/{_base64(outcome.shard)}"
    # POST replaces the families that are pushed and keeps the others: the last success stays.
    with requests.Session() as session:
        session.trust_env = False  # a .netrc or a proxy of the pod is not meant for this
        answer = session.post(
            group,
            data=render(outcome).encode(),
            headers={"Content-Type": "text/plain; version=0.0.4"},
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
    if not answer.ok or answer.is_redirect:
        detail = " ".join(answer.text.split())[:200]
        raise requests.HTTPError(f"status {answer.status_code}: {detail}")


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectionError):
        return f"no connection ({type(error).__name__})"
    return str(error)


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
