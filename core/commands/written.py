"""A file that a command was asked to write."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigurationError


def write(path: Path, text: str) -> None:
    """Write it; where it can't be written, the line says so."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"can't write {path}: {error.strerror}") from None
