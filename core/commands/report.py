"""`promferry report`: requests against usage, from the exported files alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import click

from ..environ import read, read_all
from ..errors import ConfigurationError
from ..exits import Exit
from ..logs import configure
from ..reach import open_sink
from ..settings import CatalogueSettings, JobSettings, LogSettings, without_pod_name
from ..setup import Setup
from .moment import Moment, check_order
from .written import write


@click.command(
    "report",
    epilog="""\b
Examples:
  promferry report
  promferry report --from 2025-10-01 --to 2025-10-07 --by namespace
  promferry report --top 20 --html waste.html
  promferry report --csv - | head
\b
Needs pip install 'promferry[report]'. docs/report.md says how it is worked out.
""",
)
@click.option("--from", "begin", type=Moment(), help="From here on (UTC); all, by default.")
@click.option("--to", "end", type=Moment(is_end=True), help="Up to here; a date is included.")
@click.option("--by", type=click.Choice(["workload", "namespace"]), default="workload",
              show_default=True, help="What a row is.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), help="Only that many rows.")
@click.option("--csv", "sheet_path", metavar="FILE|-", help="Write CSV; - is standard output.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path),
              help="Write a page that stands by itself.")  # fmt: skip
@click.pass_obj
def command(
    setup: Setup, *, begin: int | None, end: int | None, by: str, top: int | None,
    sheet_path: str | None, page: Path | None,
) -> int:  # fmt: skip
    """Hold requests against usage of CPU and memory, the largest wastes first.

    Nothing is asked of Prometheus and nothing is written to the sink. The exit status is 1 where
    there is nothing to report.
    """
    if importlib.util.find_spec("duckdb") is None:
        raise ConfigurationError(
            "promferry report needs duckdb, which is not installed: pip install 'promferry[report]'"
        )
    check_order(begin, end)
    environ, _ = without_pod_name(setup.environ)
    configure(read(LogSettings, environ))
    made = read_all({"job": JobSettings, "catalogue": CatalogueSettings}, environ)
    # These bring duckdb, which no other command needs.
    from ..report.document import document
    from ..report.files import Source
    from ..report.measure import measure

    cluster = made["job"].cluster
    with open_sink(environ) as sink:
        measured = measure(
            Source(sink, cluster, begin, end),
            cluster_label=made["catalogue"].cluster_label,
            by_workload=by == "workload",
        )
        place = sink.locate(cluster)
    report = document(measured, cluster=cluster, place=place, by=by, top=top)
    return _tell(report, measured.metrics, sheet_path, page)


def _tell(
    report: dict[str, Any], metrics: frozenset[str], sheet_path: str | None, page: Path | None
) -> int:
    to_output = sheet_path == "-"
    if page is not None:
        from ..report.page import render

        write(page, render(report))
    if sheet_path is not None:
        from ..report.sheet import sheet

        if to_output:
            click.echo(sheet(report), nl=False)
        else:
            write(Path(sheet_path), sheet(report))
    for path in (page, None if to_output else sheet_path):
        if path is not None:
            click.echo(f"{path} is written", err=to_output)
    if page is None and sheet_path is None and report["resources"]:
        from ..report.table import show

        show(report)
    if not report["resources"]:
        click.echo(
            f"{report['place']}: requests and usage were not both exported in this time:"
            " nothing to report; `promferry status` says what is there", err=to_output,
        )  # fmt: skip
    for note in report["notes"] if metrics else ():
        click.echo(note, err=to_output)
    return Exit.DONE if report["resources"] else Exit.INCOMPLETE
