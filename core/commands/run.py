"""`promferry run`: the job."""

from __future__ import annotations

import logging

import attrs
import click

from .. import layout
from ..environ import read
from ..exits import Exit
from ..job import Run, Wish, gather
from ..logs import configure
from ..settings import DAY, LogSettings, without_pod_name
from ..setup import Setup
from ..times import iso
from .moment import Moment, check_order

log = logging.getLogger(__name__)


@click.command(
    "run",
    epilog="""\b
Examples:
  promferry run
  promferry run --dry-run
  promferry run --from 2025-10-01 --to 2025-10-03 --metric 'cpu_*'
  promferry run --from 2025-10-01T06:00 --to 2025-10-01T12:00
""",
)
@click.option("--from", "begin", type=Moment(), help="Export again from here on (UTC).")
@click.option(
    "--to", "end", type=Moment(is_end=True), help="Export again up to here; a date is included."
)
@click.option("--metric", "metrics", multiple=True, help="Only this metric (a name or a glob).")
@click.option("--dry-run", is_flag=True, help="Print windows and queries; send nothing.")
@click.pass_obj
def command(
    setup: Setup, begin: int | None, end: int | None, metrics: tuple[str, ...], *, dry_run: bool
) -> int:
    """Export what is missing, then apply retention."""
    environ, was_pod_name = without_pod_name(setup.environ)
    if metrics:
        environ["METRICS"] = ",".join(metrics)
    configure(read(LogSettings, environ))
    if was_pod_name:
        log.info("HOSTNAME is this machine's own name: it counts as unset")
    job = gather(environ)
    wish = _wish(begin, end, int(setup.clock.now()) - job.windows.backfill_days * DAY)
    setup.stop.install()
    run = Run(job, setup)
    if not dry_run:
        return run.carry_out(wish)
    tasks = run.plan(wish)
    shown: set[str] = set()
    for task in tasks:
        name = task.metric.name
        if name not in shown:
            shown.add(name)
            click.echo(
                f"# {name}, every {task.metric.step} s:\n# {' '.join(task.metric.query.split())}"
            )
        key = layout.key(job.job.cluster, name, task.window.start)
        click.echo(f"{iso(task.window.start)}  {iso(task.until)}  {key}")
    click.echo(f"{len(tasks)} windows of {len(shown)} metrics are due; nothing was sent")
    return Exit.DONE


def _wish(begin: int | None, end: int | None, oldest: int) -> Wish:
    if begin is None and end is None:
        return Wish()
    if begin is None:
        begin = oldest
    check_order(begin, end)
    return attrs.evolve(Wish(), begin=begin, end=end)
