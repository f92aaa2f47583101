"""Label values made harmless for terminals and spreadsheets: who runs a pod chooses its labels."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@")


def plain(text: str) -> str:
    r"""Return text whose control and direction characters are written out: `\x1b`, `\u202e`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    text = plain(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
