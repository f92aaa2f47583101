"""The built-in query pack: Kubernetes cost and waste, from the YAML files in `queries/`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from promferry.core.hooks import QueryPack, hookimpl


@hookimpl
def promferry_query_packs() -> Iterable[QueryPack]:
    """Return the pack `kubernetes`."""
    return [QueryPack("kubernetes", files("promferry.queries"))]
