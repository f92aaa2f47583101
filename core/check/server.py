"""The server: whether it answers, what it is, its clock, how far back it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..errors import ConfigurationError, KnownError, UnavailableError
from ..job import Job
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from ..settings import DAY
from ..times import iso
from .asking import Asking, Overheard
from .finding import Code, Finding, Level, of_error

_CLOCK_MOST: Final = 30.0
_ADDRESS: Final = "set SCHEME, HOSTNAME, PORT and PATH_PREFIX to where /api/v1/query answers"
_AMAZON: Final = re.compile(r"aps-workspaces(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_NODES: Final = "kube_node_info"


def server(asking: Asking, overheard: Overheard, job: Job, now: float) -> Iterator[Finding]:
    """Yield what is to be said; a bad one means that nothing else can be asked."""
    url = job.server.url
    try:
        clock = asking.server_clock()
    except (KnownError, BrokenAnswerError, TooMuchError) as error:
        yield _unreached(error, url)
        return
    # Where ours is ahead, nothing is there yet at our moment: that is said once, by the clock.
    asking.at = int(min(now, clock)) - job.windows.settle
    yield Finding(Level.OK, Code.SERVER, url, f"{_kind(asking, overheard, job)} answers")
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
    if not days or not asking.count(_NODES):
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
            return of_error(error, Code.SERVER_REFUSES, url, _wanted(text))
        if "no Prometheus API" in text:
            return of_error(error, Code.SERVER_NOT_PROMETHEUS, url)
        tls = url.startswith("https") or "wants TLS" in text
        return of_error(error, Code.SERVER_TLS if tls else Code.SERVER_NOT_PROMETHEUS, url)
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


def _wanted(said: str) -> str:
    """Return what to set, from what the server says of its refusal."""
    if "no org id" in said.lower() or "tenant" in said.lower():
        return "set the tenant in PROMETHEUS_X_SCOPE_ORGID"
    return (
        "set what it wants: PROMETHEUS_BEARER_AUTH_TOKEN, PROMETHEUS_USERNAME and _PASSWORD,"
        " PROMETHEUS_AUTH_TOKEN, or AUTH=sigv4 for Amazon's (docs/authentication.md)"
    )


def _kind(asking: Asking, overheard: Overheard, job: Job) -> str:
    try:
        build = asking.build()
    except (KnownError, BrokenAnswerError, TooMuchError):
        build = {}  # Amazon's has no such page
    return kind(build, overheard.headers, job.server.hostname)


def kind(build: Mapping[str, Any], headers: Mapping[str, str], hostname: str) -> str:
    """Return name and version, as far as the server tells: by its page, its headers, its host."""
    version = str(build.get("version") or "")
    if application := str(build.get("application") or ""):  # Mimir and Cortex name themselves
        return f"{application} {version}".strip()
    if any(name.lower() == "x-server-hostname" for name in headers):
        return "VictoriaMetrics"  # where it gives a version at all, it is an older Prometheus'
    if _AMAZON.fullmatch(hostname.lower()):
        return "Amazon Managed Prometheus"
    if version.startswith("0."):
        return f"Thanos {version}"
    return f"Prometheus {version}" if version else "a server that does not tell its version"


def _clock(clock: float, now: float, settle: int) -> Finding:
    ahead = now - clock
    facts = {"ahead_seconds": round(ahead, 1)}
    if abs(ahead) <= max(_CLOCK_MOST, settle / 2):
        text = f"{abs(ahead):.0f} s from the server's"
        return Finding(Level.OK, Code.CLOCK, "clock", text, "", facts)
    said = f"ours is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
    if ahead > 0:
        harm = "windows would be exported before their samples are there"
        cure = "set both by NTP, or raise SETTLE above the difference"
    else:
        harm = "new data would be exported that much later, and S3 may refuse such a clock"
        cure = "set both by NTP"
    return Finding(Level.WRONG, Code.CLOCK, "clock", f"{said}: {harm}", cure, facts)
