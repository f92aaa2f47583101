"""`promferry status`: what the sink holds, without asking Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..environ import read, read_all
from ..exits import Exit
from ..ledger import Ledger
from ..logs import configure
from ..reach import open_sink
from ..settings import DAY, JobSettings, LogSettings, WindowSettings, without_pod_name
from ..setup import Setup
from ..status.coverage import coverage
from ..status.document import document
from ..status.holdings import holdings
from ..windows import midnight
from .written import write


@click.command(
    "status",
    epilog="""\b
Examples:
  promferry status
  promferry status --days 7
  promferry status --json | jq '.metrics[] | select(.holes != []) | .name'
  promferry status --html status.html
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path),
              help="Write a page that stands by itself.")  # fmt: skip
@click.option("--days", type=click.IntRange(min=1), help="Only today and the days before it.")
@click.pass_obj
def command(setup: Setup, *, as_json: bool, page: Path | None, days: int | None) -> int:
    """Say what the sink holds: per metric first and last window, holes, objects, bytes.

    Nothing is asked of Prometheus and nothing is written. The exit status is 1 where something is
    missing.
    """
    environ, _ = without_pod_name(setup.environ)
    configure(read(LogSettings, environ))
    made = read_all({"job": JobSettings, "windows": WindowSettings}, environ)
    cluster, now = made["job"].cluster, setup.clock.now()
    since = midnight(int(now)) - (days - 1) * DAY if days else 0
    with open_sink(environ) as sink:
        ledger = Ledger(sink, cluster, setup.clock, made["windows"].time_frame)
        ledger.load(repair=False)
        found = coverage(ledger.state, holdings(sink, cluster, since), since)
        place = sink.locate(cluster)
    said = document(found, ledger.state, cluster=cluster, place=place, now=now)
    if page is not None:
        from ..status.page import render

        write(page, render(said))
    if as_json:
        click.echo(json.dumps(said, indent=1, ensure_ascii=False))
    elif not said["metrics"]:
        click.echo(f"{place}: nothing has been exported yet; `promferry run` does it")
    elif page is None:
        from ..status.table import show

        show(said)
    else:
        click.echo(f"{page} is written")
    whole = said["metrics"] and not said["totals"]["holes"] and not said["totals"]["lost"]
    return Exit.DONE if whole else Exit.INCOMPLETE
