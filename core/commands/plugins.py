"""`promferry plugins`: what is installed, broken ones too."""

from __future__ import annotations

import json

import click

from ..exits import Exit
from ..plugins import Plugins


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(*, as_json: bool) -> int:
    """List the plugins: kind, name, distribution, version, file; broken ones with their cause."""
    plugins = Plugins()
    rows = []
    for plugin in plugins.all():
        for kind, name in plugin.provides or [(plugin.kind or "?", plugin.entry)]:
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "file": plugin.file,
                    "cause": plugin.cause,
                }
            )
    clashes = plugins.clashes()
    if as_json:
        click.echo(json.dumps({"plugins": rows, "clashes": clashes}, indent=2))
    else:
        titles = ["kind", "name", "distribution", "version", "file"]
        table = [titles, *([row[title] for title in titles] for row in rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(titles))]
        causes = ["", *(row["cause"] for row in rows)]
        for line, cause in zip(table, causes, strict=True):
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            click.echo("  ".join(cells).rstrip() + (f"  BROKEN: {cause}" if cause else ""))
        for clash in clashes:
            click.echo(f"promferry: {clash}", err=True)
    return Exit.CONFIGURATION if clashes else Exit.DONE
