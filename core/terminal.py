"""Where tables are printed: as wide as the terminal, or as wide as they like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

WIDE: Final = 250  # columns where no terminal sets a width


def table_console() -> Console:
    """Return a console on standard output; colours only where that is a terminal."""
    # rich takes a tenth of a second to import: only what prints a table pays for it.
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=WIDE)
    return console
