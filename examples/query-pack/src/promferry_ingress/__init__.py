"""Metrics of ingress-nginx for promferry."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from promferry.core.hooks import QueryPack, hookimpl


@hookimpl
def promferry_query_packs() -> Iterable[QueryPack]:
    """Return the pack `ingress`: every YAML file in the folder `queries` of this package."""
    return [QueryPack("ingress", files(__name__) / "queries")]
