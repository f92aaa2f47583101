"""`promferry metrics`: the catalogue, a rendered query, a check of definitions offline."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import catalogue, definition, environ
from ..definition import Definition
from ..errors import ConfigurationError
from ..exits import Exit
from ..plugins import Plugins
from ..promql import check
from ..promql_fault import QueryError
from ..settings import CatalogueSettings
from ..setup import Setup


@click.group("metrics", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, queries included.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> int:
    """List the metrics that are exported: name, unit, step, description.

    METRICS, QUERIES_DIR, QUERY_STEP, MATCHERS and CLUSTER_LABEL count as in a run.
    """
    if context.invoked_subcommand:
        if as_json:
            raise click.UsageError("--json lists the metrics; it goes with no subcommand")
        return Exit.DONE
    metrics = _load(context.obj).metrics
    if as_json:
        rows = [
            {
                "name": metric.name,
                "unit": metric.unit,
                "step": metric.step,
                "description": metric.description,
                "query": metric.query,
                "source": metric.source,
            }
            for metric in metrics
        ]
        click.echo(json.dumps({"metrics": rows}, indent=2, ensure_ascii=False))
        return Exit.DONE
    table = [("name", "unit", "step", "description")]
    table += [(each.name, each.unit, f"{each.step}s", each.description) for each in metrics]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, " ".join(row[3].split())]).rstrip())
    return Exit.DONE


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(setup: Setup, name: str) -> int:
    """Print the query of one metric as it is sent, and nothing else."""
    for metric in _load(setup).metrics:
        if metric.name == name:
            click.echo(metric.query)
            return Exit.DONE
    raise ConfigurationError(
        f"there is no metric {name!r} (METRICS and QUERIES_DIR count); `promferry metrics` lists"
        " those there are"
    )


@command.command("lint")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def lint(files: tuple[Path, ...]) -> int:
    """Check files of metric definitions without a server: one line a problem.

    Exit status 2 if there is one. A query in a dialect that the parser does not know (MetricsQL)
    is only a warning.
    """
    found: list[Definition] = []
    problems: list[str] = []
    for file in files:
        try:
            found.extend(definition.read(file))
        except ConfigurationError as error:
            problems.extend(error.problems)
    problems.extend(catalogue.duplicates(found))
    warnings: list[str] = []
    step = environ.read(CatalogueSettings, {}).query_step
    for each in found:
        try:
            check(catalogue.render(each, each.step or step))
        except ConfigurationError as error:
            problems.extend(error.problems)
        except QueryError as error:
            line = catalogue.placed(each, error)
            (warnings if error.dialect else problems).append(line)
    for line in problems:
        click.echo(line)
    for line in warnings:
        click.echo(f"{line} (warning: this looks like MetricsQL, which is not checked offline)")
    if not problems:
        count = f"{len(found)} definition{'' if len(found) == 1 else 's'}"
        click.echo(f"{count} checked, no problem", err=True)
    return Exit.CONFIGURATION if problems else Exit.DONE


def _load(setup: Setup) -> catalogue.Catalogue:
    settings = environ.read(CatalogueSettings, setup.environ)
    return catalogue.load(settings, Plugins().query_packs().values())
