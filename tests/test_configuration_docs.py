"""The documentation of the settings can't drift from their declarations."""

from __future__ import annotations

from pathlib import Path

from promferry.core.reference import tables

ROOT = Path(__file__).parents[1]


def test_configuration_tables_are_those_of_the_declarations() -> None:
    """`promferry settings` prints exactly what docs/configuration.md says."""
    assert tables() in (ROOT / "docs" / "configuration.md").read_text()
