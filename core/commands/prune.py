"""`promferry prune`: retention alone."""

from __future__ import annotations

import click

from .. import retention
from ..environ import read, read_all
from ..errors import ConfigurationError
from ..exits import Exit
from ..ledger import Ledger
from ..logs import configure
from ..reach import open_sink
from ..settings import JobSettings, LogSettings, WindowSettings, without_pod_name
from ..setup import Setup
from ..state import Forgotten
from ..times import iso


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@click.pass_obj
def command(setup: Setup, *, dry_run: bool) -> int:
    """Delete the objects of days that are older than RETENTION_DAYS."""
    environ, _ = without_pod_name(setup.environ)
    configure(read(LogSettings, environ))
    made = read_all({"job": JobSettings, "windows": WindowSettings}, environ)
    cluster, windows = made["job"].cluster, made["windows"]
    if windows.retention_days == 0:
        raise ConfigurationError("RETENTION_DAYS=0 keeps all: there is nothing to prune")
    before = retention.cutoff(setup.clock.now(), windows.retention_days)
    with open_sink(environ) as sink:
        pruned = retention.prune(sink, cluster, before, dry_run=dry_run, told=click.echo)
        if not dry_run:
            ledger = Ledger(sink, cluster, setup.clock, windows.time_frame)
            ledger.load()
            if any(each.since < before for each in ledger.state.metrics.values()):
                ledger.note(Forgotten(before))
                ledger.close()
    for line in pruned.failed:
        click.echo(f"promferry: {line}; the next run retries it", err=True)
    verb = "would be deleted" if dry_run else "deleted"
    click.echo(f"{pruned.objects} objects, {pruned.size} bytes {verb}: all before {iso(before)}")
    return Exit.INCOMPLETE if pruned.failed else Exit.DONE
