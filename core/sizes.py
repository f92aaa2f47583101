"""Sizes as people read them."""

from __future__ import annotations


def human(size: float) -> str:
    """Return bytes as `12 B`, `3.4 MB` (powers of ten, as stores bill them)."""
    if size < 1000:  # noqa: PLR2004
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 1000 or unit == "TB":  # noqa: PLR2004
            break
    return f"{size:.1f} {unit}"
