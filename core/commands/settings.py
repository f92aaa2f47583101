"""`promferry settings`: every environment variable, from its one declaration."""

from __future__ import annotations

import click

from ..reference import tables


@click.command("settings")
def command() -> None:
    """Print every setting, as the tables of docs/configuration.md."""
    click.echo(tables())
