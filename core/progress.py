"""Progress on a terminal: what is done, what is left and when it will end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told of each piece of work that is over."""

    def advance(self, text: str) -> None:
        """One more is done; `text` says which."""


class _Silent:
    def advance(self, text: str) -> None:
        """Nobody watches."""


@contextmanager
def progress(total: int, doing: str = "exporting") -> Iterator[Progress]:
    """Show a bar on standard error where that is a terminal; the log's lines scroll above it."""
    if not sys.stderr.isatty() or total == 0:
        yield _Silent()
        return
    # rich takes a tenth of a second to import, and an unattended job never needs it here.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bars:
        bar = bars.add_task(doing, total=total)

        class _Shown:
            def advance(self, text: str) -> None:
                bars.update(bar, advance=1, description=text)

        handlers = logging.getLogger().handlers
        streams = [
            h.setStream(sys.stderr) for h in handlers if isinstance(h, logging.StreamHandler)
        ]
        try:
            yield _Shown()
        finally:
            for handler, stream in zip(handlers, streams, strict=False):
                if isinstance(handler, logging.StreamHandler) and stream is not None:
                    handler.setStream(stream)
