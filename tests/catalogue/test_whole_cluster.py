"""The whole catalogue over a made-up cluster: two in one store, and in the other dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.catalogue.conftest import Labels, asked, catalogue
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.victoria import VictoriaMetrics

START: Final = 1_759_622_400
END: Final = START + 2 * 3600
NAMES: Final = [metric.name for metric in catalogue().metrics]


def history(names: dict[str, int]) -> History:
    """Return the series of clusters: the same objects, the load of another seed."""
    made = History()
    for name, seed in names.items():
        for series in everything(Cluster(START, END, seed=seed)):
            made.add(series.name, {**series.labels, "cluster": name}, series.samples)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus with two clusters in it."""
    made = history({"east": 1, "west": 2})
    with Prometheus(tmp_path_factory.mktemp("shared"), history=made) as server:
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_clusters_together_are_clusters_apart(shared: Prometheus, name: str) -> None:
    """One export with CLUSTER_LABEL has what an export with MATCHERS of each cluster has."""
    together = catalogue(METRICS=name, CLUSTER_LABEL="cluster").metrics[0].query
    both = asked(shared.api_range(together, START, END, 300)).series
    apart = {}
    for cluster in ("east", "west"):
        query = catalogue(METRICS=name, MATCHERS=f'cluster="{cluster}"').metrics[0].query
        for labels, values in asked(shared.api_range(query, START, END, 300)).series.items():
            assert ("cluster", cluster) in labels or not name.endswith("_labels")
            apart[labels | {("cluster", cluster)}] = values
    assert both.keys() == apart.keys()
    assert both, "the made-up cluster has something of every metric"
    for labels, values in apart.items():
        assert both[labels] == pytest.approx(values)


@pytest.fixture(scope="module")
def other(victoria: VictoriaMetrics) -> VictoriaMetrics:
    """Give a VictoriaMetrics with one cluster in it."""
    victoria.load(history({"catalogue": 1}))
    return victoria


@pytest.mark.parametrize("name", NAMES)
def test_the_other_dialect_understands_every_query(
    other: VictoriaMetrics, shared: Prometheus, name: str
) -> None:
    """VictoriaMetrics answers each with the series that Prometheus has."""
    query = catalogue(METRICS=name, MATCHERS='cluster="catalogue"').metrics[0].query
    found = asked(other.api_range(query, START + 600, END, 300)).series
    same = query.replace('"catalogue"', '"east"')
    expected = asked(shared.api_range(same, START + 600, END, 300)).series

    def identities(series: Iterable[Labels]) -> set[Labels]:
        """Return the label sets; an empty label, which VictoriaMetrics may show, is none."""
        return {frozenset(p for p in labels if p[0] != "cluster" and p[1]) for labels in series}

    assert identities(found) == identities(expected)
