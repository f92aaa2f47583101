"""Findings as lines: colours on a terminal, the cure behind an arrow."""

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


def show(finding: Finding, *, coloured: bool) -> None:
    """Print one finding on standard output, at once; `coloured` only where it is a terminal."""
    level = finding.level
    word = level.value if level in (Level.OK, Level.NOTE) else level.value.upper()
    line = f"{finding.subject}: {finding.text}"
    if finding.cure:
        line += f" -> {finding.cure}"
    word = word.ljust(_WIDTH)
    click.echo(f"{click.style(word, fg=_COLOURS[level]) if coloured else word}  {line}")
    sys.stdout.flush()


def closing(findings: Iterable[Finding]) -> str:
    """Return the last line."""
    levels = [finding.level for finding in findings]
    bad = [level for level in (Level.WRONG, Level.DOWN, Level.NOTE) if level in levels]
    if not bad:
        return "nothing found: this set-up works"
    told = ", ".join(f"{levels.count(level)} {level.value}" for level in bad)
    works = " ; the export works as it is" if bad == [Level.NOTE] else ""
    return f"{told}{works.replace(' ;', ';')}"
