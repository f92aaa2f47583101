"""`promferry check`: whether this set-up will work, before the first export."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator

import attrs
import click

from ..check.asking import Asking, Overheard
from ..check.catalogue import catalogue
from ..check.cluster import cadvisor, clusters, interval, kube_state
from ..check.expected import uses
from ..check.finding import Code, Finding, Level, counts, exit_status, of_error
from ..check.server import history, server
from ..check.show import closing, show
from ..check.sink import beginning, sink
from ..environ import read
from ..errors import KnownError
from ..job import Job, gather
from ..logs import configure
from ..pace import Pace
from ..prometheus.client import Client
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from ..prometheus.session import open_session
from ..settings import LogSettings, without_pod_name
from ..setup import Setup


@click.command(
    "check",
    epilog="""\b
Examples:
  promferry check
  promferry check --json | jq '.findings[] | select(.level != "ok")'
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(setup: Setup, *, as_json: bool) -> int:
    """Say whether this set-up will work: a line for each finding, with its cure.

    Asks the server small questions, one at a time, and writes one small object that it deletes
    again. The exit status is 2 where something has to be changed, 1 where something can't be had
    now, else 0; notes do not count.
    """
    environ, was_pod_name = without_pod_name(setup.environ)
    if "LOG_LEVEL" not in environ:  # what is found is said once, by the findings
        environ["LOG_LEVEL"] = "ERROR"
    configure(read(LogSettings, environ))
    job = gather(environ)
    setup.stop.install()
    findings: list[Finding] = []
    if was_pod_name:
        text = "it is this machine's own name and counts as unset"
        findings.append(
            Finding(Level.NOTE, Code.SERVER, "HOSTNAME", text, "set it to Prometheus' address")
        )
    for finding in _all(job, setup):
        findings.append(finding)
        if not as_json:
            show(finding)
    status = exit_status(findings)
    if as_json:
        document = {
            "findings": [attrs.asdict(finding) for finding in findings],
            "counts": counts(findings),
            "exit_status": int(status),
        }
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        click.echo(closing(findings))
    return status


def _all(job: Job, setup: Setup) -> Iterator[Finding]:
    """Go from the server to the sink; what lies behind a door that is shut is not tried."""
    cluster = job.job.cluster
    try:
        authentication = job.auth.open(cluster=cluster, url=job.server.url)
    except KnownError as error:
        yield of_error(error, Code.CREDENTIALS, "credentials")
        return
    yield Finding(Level.OK, Code.CREDENTIALS, "credentials", authentication.description)
    try:
        session = open_session(job.server, authentication)
    except KnownError as error:
        yield of_error(error, Code.SERVER_TLS, job.server.url)
    else:
        yield from _server(job, setup, Overheard(session))
    try:
        opened = job.sink.open(cluster, authentication.aws)
    except KnownError as error:
        yield of_error(error, Code.SINK_OPEN, "sink")
        return
    try:
        yield from sink(opened, cluster)
        yield from beginning(opened, cluster, job.windows, setup.clock.now())
    finally:
        opened.close()


def _server(job: Job, setup: Setup, overheard: Overheard) -> Iterator[Finding]:
    client = Client(overheard, job.server.query_timeout, setup.clock)
    now = setup.clock.now()
    asking = Asking(client, Pace("auto", setup.clock), setup.clock, setup.stop,
                    job.catalogue_settings)  # fmt: skip
    asking.at = int(now) - job.windows.settle
    reached = True
    for finding in server(asking, overheard, job, now):
        yield finding
        reached = reached and (finding.level in (Level.OK, Level.NOTE) or finding.code == "clock")
    if not reached:
        return
    for look, subject, is_due in (
        (lambda: history(asking, job), "history", True),
        (lambda: clusters(asking, job), "clusters", True),
        (lambda: kube_state(asking), "kube-state-metrics", uses(job.metrics, "kube_")),
        (lambda: cadvisor(asking), "cAdvisor", uses(job.metrics, "container_")),
        (lambda: interval(asking, job), "scrape interval", True),
        (lambda: catalogue(asking, job), "metrics", True),
    ):
        if is_due and not (yield from _guarded(look, subject, client)):
            return


def _guarded(
    look: Callable[[], Iterator[Finding]], subject: str, client: Client
) -> Generator[Finding, None, bool]:
    """Make a finding of what goes wrong on the way; return whether to go on asking."""
    try:
        yield from look()
    except (KnownError, BrokenAnswerError, TooMuchError) as error:
        yield of_error(error, Code.SERVER_FAILS, subject)
        try:
            return client.is_up()
        except KnownError:
            return False
    return True
