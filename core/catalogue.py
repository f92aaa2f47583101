"""The catalogue: every metric that is exported, its query rendered and ready to send."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import attrs

from . import definition, template
from .definition import Definition
from .errors import ConfigurationError
from .hooks import QueryPack
from .promql import work_in
from .promql_fault import QueryError
from .settings import CatalogueSettings

log = logging.getLogger(__name__)

_SIGN: Final = "-"


@attrs.frozen
class Metric:
    """One metric: its name in the sink, its query and the step it is evaluated with, in seconds."""

    name: str
    query: str
    step: int
    unit: str
    description: str
    source: str


@attrs.frozen
class Catalogue:
    """The metrics, in order of name."""

    metrics: tuple[Metric, ...]


def load(settings: CatalogueSettings, packs: Iterable[QueryPack]) -> Catalogue:
    """Read the packs and `QUERIES_DIR`, keep what `METRICS` says, render and work in.

    Raises `ConfigurationError` with every problem, each with its file and key.
    """
    definitions = _definitions(settings, packs)
    chosen = choose(definitions, settings.metrics)
    metrics: list[Metric] = []
    problems: list[str] = []
    for each in chosen:
        try:
            metrics.append(_metric(each, settings))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(*problems)
    return Catalogue(tuple(metrics))


def choose(definitions: Iterable[Definition], wanted: Iterable[str]) -> list[Definition]:
    """Return those that `wanted` (names and globs, `-` before what is left out) keeps, by name."""
    sorted_ones = sorted(definitions, key=lambda each: each.name)
    names = [each.name for each in sorted_ones]
    kept: set[str] = set()
    left_out: set[str] = set()
    problems: list[str] = []
    patterns = tuple(wanted)
    for pattern in patterns:
        glob = pattern.removeprefix(_SIGN).strip()
        fitting = {name for name in names if fnmatchcase(name, glob)}
        if not fitting:
            problems.append(
                f"METRICS: {pattern!r} fits no metric; `promferry metrics` lists them"
                " (with METRICS unset)"
            )
        (left_out if pattern.startswith(_SIGN) else kept).update(fitting)
    if problems:
        raise ConfigurationError(*problems)
    if all(pattern.startswith(_SIGN) for pattern in patterns):
        kept = set(names)
    chosen = [each for each in sorted_ones if each.name in kept - left_out]
    if not chosen:
        raise ConfigurationError(
            "METRICS leaves no metric to export"
            if patterns
            else "there is no metric definition: no query pack is installed and QUERIES_DIR is not"
            " set or has none"
        )
    return chosen


def render(each: Definition, step: int) -> str:
    """Return the query of a definition, evaluated every `step` seconds.

    Raises `ConfigurationError` with file, line and key.
    """
    try:
        query = template.render(each.query, step)
    except template.RenderError as error:
        line = each.line
        place = ""
        if error.line is not None:
            if each.query_line is not None:
                line = each.query_line + error.line - 1
            place = f", line {error.line} of the template"
        raise ConfigurationError(
            f"{each.source}, line {line}, metric {each.name!r}, key 'query'{place}:"
            f" it does not render: {' '.join(str(error).split())}"
        ) from None
    if not query:
        raise ConfigurationError(f"{_where(each)}: the template gives an empty query")
    return query


def placed(each: Definition, error: QueryError, what: str = "not a query") -> str:
    """Return the line that says where in a definition's rendered query the fault is."""
    place = f", {error.place} of the rendered query" if error.place else ""
    return f"{_where(each)}{place}: {what}: {error.message}"


def _metric(each: Definition, settings: CatalogueSettings) -> Metric:
    step = each.step or settings.query_step
    query = render(each, step)
    try:
        query = work_in(query, settings.matchers, settings.cluster_label)
    except QueryError as error:
        given = {"MATCHERS": settings.matchers, "CLUSTER_LABEL": settings.cluster_label}
        names = " and ".join(name for name, value in given.items() if value)
        raise ConfigurationError(placed(each, error, f"{names} can't be worked in")) from None
    return Metric(each.name, query, step, each.unit, each.description, each.source)


def _where(each: Definition) -> str:
    return f"{each.source}, line {each.line}, metric {each.name!r}, key 'query'"


def _definitions(settings: CatalogueSettings, packs: Iterable[QueryPack]) -> list[Definition]:
    folders: list[Traversable | Path] = [
        pack.folder for pack in sorted(packs, key=lambda pack: pack.name)
    ]
    if settings.queries_dir is not None:
        folders.append(settings.queries_dir)
    found: list[Definition] = []
    problems: list[str] = []
    for folder in folders:
        try:
            files = definition.files(folder)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        if not files:
            log.warning("%s has no *.yaml file in it", folder)
        for file in files:
            try:
                found.extend(definition.read(file))
            except ConfigurationError as error:
                problems.extend(error.problems)
    problems.extend(duplicates(found))
    if problems:
        raise ConfigurationError(*problems)
    return found


def duplicates(definitions: Iterable[Definition]) -> list[str]:
    """Return a line for each definition whose name another one has already; it names both files."""
    first: dict[str, Definition] = {}
    lines = []
    for each in definitions:
        other = first.setdefault(each.name, each)
        if other is not each:
            lines.append(
                f"{each.source}, line {each.line}, key 'name': {each.name!r} is defined in"
                f" {other.source}, line {other.line}, too; give one of them another name"
            )
    return lines
