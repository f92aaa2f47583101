"""The key prefix that sinks share a variable for."""

from __future__ import annotations


def key_prefix(text: str) -> str:
    """Return a key prefix without slashes at its ends; raise ValueError where it is none."""
    prefix = text.strip("/")
    parts = prefix.split("/")
    if "://" in text or "\\" in text or not prefix.isprintable():
        raise ValueError
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError
    return prefix
