"""One Prometheus with the series that spring every trap, each in a namespace of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from promferry.core import environ
from promferry.core.catalogue import Catalogue, load
from promferry.core.plugins import Plugins
from promferry.core.settings import CatalogueSettings
from tests.catalogue.traps import END, STEP, T0, traps
from tests.servers.prometheus import Prometheus

Labels = frozenset[tuple[str, str]]
Values = dict[int, float]


def catalogue(**variables: str) -> Catalogue:
    """Return the built-in catalogue under these settings."""
    settings = environ.read(CatalogueSettings, variables)
    return load(settings, Plugins().query_packs().values())


@attrs.frozen
class Exported:
    """What a metric's query answers: for each label set the values by time after `T0`."""

    series: dict[Labels, Values]

    def where(self, **labels: str) -> dict[Labels, Values]:
        """Return the series that have these labels; an empty one stands for none."""
        return {
            found: values
            for found, values in self.series.items()
            if all(dict(found).get(name, "") == value for name, value in labels.items())
        }

    def one(self, **labels: str) -> Values:
        """Return the values of the only series that has these labels."""
        found = self.where(**labels)
        assert len(found) == 1, f"{labels}: {sorted(map(sorted, found or self.series))}"
        return next(iter(found.values()))


Ask = Callable[..., Exported]


def asked(answer: list[dict[str, Any]]) -> Exported:
    """Return an API's answer; two series of one label set would be an error of the test."""
    series = {
        frozenset(one["metric"].items()): {int(t) - T0: float(v) for t, v in one["values"]}
        for one in answer
    }
    assert len(series) == len(answer)
    return Exported(series)


@pytest.fixture(scope="session")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give the Prometheus with the traps."""
    with Prometheus(tmp_path_factory.mktemp("traps"), history=traps()) as server:
        yield server


@pytest.fixture(scope="session")
def ask(trapped: Prometheus) -> Ask:
    """Give a function that asks for a metric of the catalogue from T0 to END."""

    def function(name: str, step: int = STEP, **variables: str) -> Exported:
        metrics = catalogue(QUERY_STEP=str(step), METRICS=name, **variables).metrics
        assert [metric.name for metric in metrics] == [name]
        return asked(trapped.api_range(metrics[0].query, T0, END, step))

    return function
