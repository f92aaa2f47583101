"""The core's own settings: every variable that is not a plugin's, declared once."""

from __future__ import annotations

import datetime as dt
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import attrs

from .environ import var

DAY: Final = 86_400
AUTO: Final = "auto"
_CLUSTER = re.compile(r"[A-Za-z0-9._-]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_DAYS = re.compile(r"(\d{1,5})d?")
_SHARD = re.compile(r"(\d{1,5})/(\d{1,5})")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def whole(lowest: int, highest: int) -> tuple[Callable[[str], int], str]:
    """Return a parser for whole numbers in a range, and its "accepted" text."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\+?\d{1,18}", text):
            raise ValueError
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError
        return number

    return parse, f"a whole number from {lowest} to {highest}"


def _seconds(text: str) -> float:
    number = float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else -1.0
    if number < 0:
        raise ValueError
    return number


def _delay(text: str) -> float | Literal["auto"]:
    return "auto" if text == AUTO else _seconds(text)


def _timeout(text: str) -> float:
    number = _seconds(text)
    if number <= 0:
        raise ValueError
    return number


def _days(text: str) -> int:
    match = _DAYS.fullmatch(text)
    if not match:
        raise ValueError
    return int(match[1])


def _date(text: str) -> int:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError:
        raise ValueError("no such date") from None
    return int(day.timestamp())


def _cluster(text: str) -> str:
    if text in (".", "..") or not _CLUSTER.fullmatch(text):
        raise ValueError
    return text


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise ValueError

    return parse


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        hint = "put the scheme into SCHEME, the port into PORT and the path into PATH_PREFIX"
        raise ValueError(hint)
    return text


def _path(text: str) -> str:
    path = text.strip("/")
    if "://" in path or any(char in path for char in "?#\\") or not path.isprintable():
        raise ValueError
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError
    return f"/{path}" if path else ""


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError
    return names


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text) or text == "__name__":
        raise ValueError
    return text


def _matchers(text: str) -> str:
    from .promql import check_matchers

    check_matchers(text)
    return text


def _switch(text: str) -> bool:
    yes, no = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
    if text.lower() not in yes + no:
        raise ValueError
    return text.lower() in yes


def _shard(text: str) -> tuple[int, int]:
    match = _SHARD.fullmatch(text)
    if not match or not 0 <= int(match[1]) < int(match[2]):
        raise ValueError
    return int(match[1]), int(match[2])


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError("no such folder")
    return path


_TIME_FRAME = whole(1, 10 * 366 * DAY)
_STEP = whole(1, DAY)
_SETTLE = whole(0, 30 * DAY)
_RETENTION = whole(0, 36_500)
_PORT = whole(1, 65_535)


@attrs.frozen
class ServerSettings:
    """Where the Prometheus-compatible API is and how it is spoken to."""

    scheme: str = var(
        "SCHEME", _choice("http", "https"), default="http", accepts="http or https",
        help="The protocol of the API.",
    )  # fmt: skip
    hostname: str = var(
        "HOSTNAME", _host, default="localhost", accepts="a host name or an IP address",
        help="The host of the Prometheus-compatible API. Kubernetes sets it to the pod's own name"
        " in every container: where it equals this machine's own host name it counts as unset.",
    )  # fmt: skip
    port: int = var(
        "PORT", _PORT[0], default=9090, accepts=_PORT[1], help="The port of the API.",
    )  # fmt: skip
    path_prefix: str = var(
        "PATH_PREFIX", _path, default="", shown_default="", accepts="a path such as /prometheus",
        help="A path between the port and the API's own /api/v1.",
    )  # fmt: skip
    query_timeout: float = var(
        "QUERY_TIMEOUT", _timeout, default=120.0, shown_default="120",
        accepts="seconds, more than 0", help="Seconds that one query may take.",
    )  # fmt: skip
    accept_gzip: str = var(
        "ACCEPT_GZIP", _choice("auto", "true", "false"), default=AUTO,
        accepts="auto, true or false",
        help="Ask the server to compress its answers. `auto` asks over https only: inside a cluster"
        " compression costs Prometheus about as much CPU as the query.",
    )  # fmt: skip
    ca_file: Path | None = var(
        "PROMETHEUS_CA_FILE", _file, default=None, accepts="the path of a PEM file",
        help="The certificate authorities that the server's certificate is checked against.",
    )  # fmt: skip
    client_cert_file: Path | None = var(
        "PROMETHEUS_CLIENT_CERT_FILE", _file, default=None, accepts="the path of a PEM file",
        help="A client certificate; read again when the file changes.",
    )  # fmt: skip
    client_key_file: Path | None = var(
        "PROMETHEUS_CLIENT_KEY_FILE", _file, default=None, accepts="the path of a PEM file",
        help="The client certificate's key, where it is in a file of its own.",
    )  # fmt: skip
    insecure_skip_verify: bool = var(
        "PROMETHEUS_INSECURE_SKIP_VERIFY", _switch, default=False, shown_default="false",
        accepts="true or false",
        help="Do not check the server's certificate. Each run warns of it.",
    )  # fmt: skip

    def __attrs_post_init__(self) -> None:
        if self.client_key_file and not self.client_cert_file:
            raise ValueError(
                "PROMETHEUS_CLIENT_KEY_FILE is set without PROMETHEUS_CLIENT_CERT_FILE; set both"
            )

    @property
    def url(self) -> str:
        """The base address, without a slash at its end: `https://host:9090/prefix`."""
        host = self.hostname
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"{self.scheme}://{host}:{self.port}{self.path_prefix}"


@attrs.frozen
class WindowSettings:
    """Which windows there are and which of them are due. All times in seconds."""

    time_frame: int = var(
        "TIME_FRAME", _TIME_FRAME[0], default=3600, accepts="whole seconds, at least 1",
        help="Seconds that one query covers, and the length of a window.",
    )  # fmt: skip
    backfill_days: int = var(
        "BACKFILL_DAYS", _days, default=3, shown_default="3d", accepts="days, as 3d or 3",
        help="Days of history fetched on the first run.",
    )  # fmt: skip
    initial_backfill_date: int | None = var(
        "INITIAL_BACKFILL_DATE", _date, default=None, accepts="a date such as 2025-10-01",
        help="Where the first run begins (UTC), instead of `BACKFILL_DAYS`.",
    )  # fmt: skip
    settle: int = var(
        "SETTLE", _SETTLE[0], default=120, accepts=_SETTLE[1],
        help="The newest seconds are never queried: their samples are still arriving.",
    )  # fmt: skip
    retention_days: int = var(
        "RETENTION_DAYS", _RETENTION[0], default=30, accepts=_RETENTION[1],
        help="Files of days older than this are deleted; `0` keeps all.",
    )  # fmt: skip

    def __attrs_post_init__(self) -> None:
        if self.initial_backfill_date is None and 0 < self.retention_days < self.backfill_days:
            raise ValueError(
                f"RETENTION_DAYS={self.retention_days} is shorter than"
                f" BACKFILL_DAYS={self.backfill_days}: what is fetched would be deleted at once;"
                " raise RETENTION_DAYS or lower BACKFILL_DAYS"
            )


@attrs.frozen
class CatalogueSettings:
    """Which metrics there are and how their queries are rendered."""

    query_step: int = var(
        "QUERY_STEP", _STEP[0], default=300, accepts=f"whole seconds, {_STEP[1][15:]}",
        help="Resolution in seconds; a metric's own `step` wins.",
    )  # fmt: skip
    queries_dir: Path | None = var(
        "QUERIES_DIR", _folder, default=None, accepts="the path of a folder",
        help="A folder of more metric definitions (a mounted ConfigMap, say).",
    )  # fmt: skip
    metrics: tuple[str, ...] = var(
        "METRICS", _names, default=(), shown_default="all",
        accepts="names or globs with commas between, -name to leave one out",
        help="The metrics to keep: comma-separated names or globs; `-name` leaves one out. One that"
        " fits no metric is an error.",
    )  # fmt: skip
    matchers: str | None = var(
        "MATCHERS", _matchers, default=None,
        accepts='label matchers such as cluster="prod", commas between, without braces',
        help="Label matchers added to every selector, for a store shared by many clusters.",
    )  # fmt: skip
    cluster_label: str | None = var(
        "CLUSTER_LABEL", _label, default=None, accepts="a label name",
        help="A label kept in every aggregation and join, for the same case.",
    )  # fmt: skip


@attrs.frozen
class JobSettings:
    """What this run is and how hard it works."""

    cluster: str = var(
        "CLUSTER_NAME", _cluster, accepts="letters, digits, '.', '_' and '-', not '.' or '..'",
        help="The folder below the prefix, and the cluster's name for whoever reads the data.",
    )  # fmt: skip
    query_delay: float | Literal["auto"] = var(
        "QUERY_DELAY", _delay, default=5.0, shown_default="5", accepts="seconds, or auto",
        help="Seconds between two queries; `auto` paces by what each query cost the server, so that"
        " at most a fifth of the time is spent querying.",
    )  # fmt: skip
    shard: tuple[int, int] | None = var(
        "SHARD", _shard, default=None, accepts="number/count such as 0/4, counted from 0",
        help="This run does its share of the metrics, the first of four with `0/4`; set from the"
        " completion index in an Indexed Job.",
    )  # fmt: skip


@attrs.frozen
class PluginSettings:
    """Which plugins are used."""

    sink: str | None = var(
        "SINK", str, default=None, shown_default="`s3` if `S3_BUCKET` is set",
        accepts="the name of a sink plugin: s3, local or an installed one",
        help="The sink plugin, by name: `s3`, `local`, or a third party's. Data is never written to"
        " a place nobody chose: neither this nor `S3_BUCKET` set is an error.",
    )  # fmt: skip
    auth: tuple[str, ...] | None = var(
        "AUTH", _names, default=None, shown_default="found by the variables that are set",
        accepts="names of auth plugins with commas between",
        help="The auth plugins, by name, comma-separated, to force a choice.",
    )  # fmt: skip


@attrs.frozen
class LogSettings:
    """How the log is written."""

    level: str = var(
        "LOG_LEVEL", _choice("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO",
        accepts="DEBUG, INFO, WARNING or ERROR", help="The least severe lines that are written.",
    )  # fmt: skip
    format: str = var(
        "LOG_FORMAT", _choice("text", "json"), default="text", accepts="text or json",
        help="`json` writes one JSON object a line, for log collectors.",
    )  # fmt: skip


ALL: Final = (
    JobSettings, PluginSettings, ServerSettings, WindowSettings, CatalogueSettings, LogSettings,
)  # fmt: skip


def without_pod_name(environ: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return the environment without a `HOSTNAME` that is this machine's own, and whether it was.

    Kubernetes sets `HOSTNAME` to the pod's name in every container; nobody means that as the
    address of Prometheus.
    """
    if environ.get("HOSTNAME", "").strip() != socket.gethostname():
        return dict(environ), False
    return {name: value for name, value in environ.items() if name != "HOSTNAME"}, True
