"""The server: whether it answers, what it is, its clock, how far back it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..errors import ConfigurationError, KnownError, UnavailableError
from ..job import Job
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from ..settings import DAY
from ..times import iso
from .asking import Asking
from .finding import Code, Finding, Level, of_error

_CLOCK_MOST: Final = 30.0
_ADDRESS: Final = "set SCHEME, HOSTNAME, PORT and PATH_PREFIX to where /api/v1/query answers"
_NODES: Final = "kube_node_info"


def server(asking: Asking, job: Job, now: float) -> Iterator[Finding]:
    """Yield what is to be said; a bad one means that nothing else can be asked."""
    url = job.server.url
    try:
        clock = asking.server_clock()
    except KnownError as error:
        yield _unreached(error, url)
        return
    except (BrokenAnswerError, TooMuchError) as error:
        yield _unreached(error, url)
        return
    yield Finding(Level.OK, Code.SERVER, url, f"{_kind(asking, job)} answers")
    if job.server.insecure_skip_verify and job.server.scheme == "https":
        yield Finding(
            Level.NOTE, Code.SERVER_INSECURE, url, "its certificate is not checked",
            "set PROMETHEUS_CA_FILE and unset PROMETHEUS_INSECURE_SKIP_VERIFY",
        )  # fmt: skip
    yield _clock(clock, now, job.windows.settle)


def history(asking: Asking, job: Job) -> Iterator[Finding]:
    """Say how far back the data goes, against what the first run wants."""
    days = job.windows.backfill_days
    begin = job.windows.initial_backfill_date
    if begin is not None:
        days = max(1, (asking.at - begin) // DAY)
    if not asking.count(_NODES):
        return
    if asking.count(_NODES, asking.at - days * DAY + 600):
        yield Finding(
            Level.OK, Code.HISTORY, "history", f"goes back the {days} days of the backfill"
        )
        return
    there, gone = 0, days * 24  # hours back with and without data: halve what lies between
    while gone - there > 1:
        middle = (there + gone) // 2
        if asking.count(_NODES, asking.at - middle * 3600):
            there = middle
        else:
            gone = middle
    yield Finding(
        Level.NOTE, Code.HISTORY_SHORT, "history",
        f"begins at about {iso(asking.at - there * 3600)}, the backfill {days} days ago: windows"
        " before will be empty",
        "nothing has to be done; BACKFILL_DAYS can be lower, or the server's retention longer",
    )  # fmt: skip


def _unreached(error: Exception, url: str) -> Finding:
    if isinstance(error, ConfigurationError):
        text = str(error)
        if "HTTP 401" in text or "HTTP 403" in text:
            return of_error(error, Code.SERVER_REFUSES, url, "set the credentials that it wants")
        if "no Prometheus API" in text:
            return of_error(error, Code.SERVER_NOT_PROMETHEUS, url)
        return of_error(error, Code.SERVER_TLS if url.startswith("https") else Code.SERVER, url)
    if isinstance(error, UnavailableError):
        return of_error(error, Code.SERVER_UNREACHABLE, url, f"start it, or {_ADDRESS}")
    if isinstance(error, BrokenAnswerError) and "JSON" in str(error):
        said = f"what answers is no Prometheus: {error}"
        return Finding(Level.WRONG, Code.SERVER_NOT_PROMETHEUS, url, said, _ADDRESS)
    return Finding(
        Level.DOWN,
        Code.SERVER_FAILS,
        url,
        str(error),
        "look into the server's log; try again later",
    )


def _kind(asking: Asking, job: Job) -> str:
    """Return name and version, as far as the server tells."""
    if "aps-workspaces" in job.server.hostname:
        return "Amazon Managed Prometheus"
    try:
        found: Mapping[str, Any] = asking.build()
    except (KnownError, BrokenAnswerError, TooMuchError):
        return "a server that does not tell its version"
    version = str(found.get("version", ""))
    if application := str(found.get("application", "")):
        return f"{application} {version}".strip()
    if version and not found.get("goVersion"):
        return "VictoriaMetrics (it tells Prometheus' version for its own)"
    if version.startswith("0."):
        return f"Thanos {version}"
    return f"Prometheus {version}".strip()


def _clock(clock: float, now: float, settle: int) -> Finding:
    apart = clock - now
    if abs(apart) <= max(_CLOCK_MOST, settle / 2):
        return Finding(Level.OK, Code.CLOCK, "clock", f"{abs(apart):.0f} s from ours")
    side = "ahead of" if apart > 0 else "behind"
    return Finding(
        Level.WRONG, Code.CLOCK, "clock",
        f"the server's is {abs(apart):.0f} s {side} ours: the newest samples would be missed",
        "set both by NTP, or raise SETTLE above the difference",
        {"seconds": round(apart, 1)},
    )  # fmt: skip
