"""Findings as they come: rows of a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

import click

from .finding import Finding, Level

_COLOURS: Final = {
    Level.OK: "green",
    Level.NOTE: "cyan",
    Level.DOWN: "yellow",
    Level.WRONG: "red",
}
_WIDTH: Final = max(len(level.value) for level in Level)
_SUBJECT: Final = 24
_NARROW: Final = 60  # columns: below this, a table is harder to read than lines


def show(finding: Finding) -> None:
    """Print one finding on standard output, at once."""
    if not sys.stdout.isatty() or not _row(finding):
        line = f"{_word(finding).ljust(_WIDTH)}  {finding.subject}: {finding.text}"
        click.echo(f"{line} -> {finding.cure}" if finding.cure else line)
    sys.stdout.flush()


def _row(finding: Finding) -> bool:
    """Print a row, its colours as `NO_COLOR` says; return False where the terminal is narrow."""
    # rich takes a tenth of a second to import, and a log never needs it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if console.width < _NARROW:
        return False
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_WIDTH)
    table.add_column(width=_SUBJECT, overflow="fold")
    table.add_column(overflow="fold")
    told = Text(finding.text)
    if finding.cure:
        told.append("\n-> ").append(finding.cure, style=_COLOURS[finding.level])
    table.add_row(Text(_word(finding), style=_COLOURS[finding.level]), Text(finding.subject), told)
    console.print(table)
    return True


def _word(finding: Finding) -> str:
    level = finding.level
    return level.value if level in (Level.OK, Level.NOTE) else level.value.upper()


def closing(findings: Iterable[Finding]) -> str:
    """Return the last line."""
    levels = [finding.level for finding in findings]
    bad = [level for level in (Level.WRONG, Level.DOWN, Level.NOTE) if level in levels]
    if not bad:
        return "nothing found: this set-up works"
    told = ", ".join(f"{levels.count(level)} {level.value}" for level in bad)
    return f"{told}; the export works as it is" if bad == [Level.NOTE] else told
