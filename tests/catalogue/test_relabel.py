"""The filters own_labels and with_node, on every mixture of labels that a scrape can leave."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

import pytest
from promql_parser import parse, walk

from promferry.core.promql_parts import parts
from promferry.core.relabel import own_labels, with_node
from tests.catalogue.conftest import Labels, asked, catalogue
from tests.catalogue.traps import T0
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

NAMES: Final = ("namespace", "pod", "node")
STATES: Final = ("own", "exported", "absent")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a server with an object for each mixture; `is` says what its labels have to become."""
    history = History()
    for states in itertools.product(STATES, repeat=len(NAMES)):
        labels = {"instance": "n7:10250"}
        wanted = []
        for name, state in zip(NAMES, states, strict=True):
            if state == "exported":
                labels |= {name: "target", f"exported_{name}": "mine"}
            elif state == "own":
                labels |= {name: "mine"}
            wanted.append("" if state == "absent" else "mine")
        history.add("x", {**labels, "is": "/".join(wanted), "of": "/".join(states)}, [(T0, 1.0)])
    with Prometheus(tmp_path_factory.mktemp("mixed"), history=history) as server:
        yield server


def answer(server: Prometheus, query: str) -> set[Labels]:
    return set(asked(server.api_range(query, T0, T0, 60)).series)


@pytest.mark.parametrize("names", [*itertools.permutations(NAMES), (*NAMES, "pod_of_none")])
def test_every_mixture_gets_the_labels_of_its_object(
    mixed: Prometheus, names: tuple[str, ...]
) -> None:
    found = answer(mixed, f"max by (namespace, pod, node, is, of) ({own_labels('x', *names)})")
    assert len(found) == len(STATES) ** len(NAMES)
    for labels in map(dict, found):
        assert "/".join(labels.get(name, "") for name in NAMES) == labels["is"]


def test_node_is_filled_only_where_the_object_has_none(mixed: Prometheus) -> None:
    query = f"max by (node, is, of) ({with_node(own_labels('x', 'node'))})"
    for labels in map(dict, answer(mixed, query)):
        assert labels["node"] == (labels["is"].rpartition("/")[2] or "n7")


@pytest.mark.parametrize(
    "query",
    ["sum by (exported_pod) (x)", "x * on (a) y", "absent(x)", "scalar(x)", "x default 0",
     "histogram_quantile(0.9, x)", 'label_replace(x, "exported_pod", "", "a", ".*")',
     'x{exported_pod=""}', "x and y"],
)  # fmt: skip
def test_a_query_whose_parts_are_not_the_whole_stays_whole(query: str) -> None:
    """Then the filter works on all of it: slower, never wrong."""
    assert parts(query, ['exported_pod=""', 'exported_pod!=""'], ["exported_pod"]) is None
    assert own_labels(query, "pod").count(query) == 1


@pytest.mark.parametrize(
    "query",
    ["x", "rate(x[5m])", "max_over_time(x[5m]) == 1", "-x", "(x) * 2", "x or y",
     "max_over_time(rate(x[1m])[5m:])", 'label_replace(x, "a", "b", "c", "d")'],
)  # fmt: skip
def test_series_that_need_no_label_pass_no_label_function(query: str) -> None:
    """For the server a label function on every series costs as much as the query itself."""
    assert parts(query, ['exported_pod=""'], ["exported_pod"])
    first = own_labels(query, "pod").split(" or label_replace")[0]
    assert "promferry_own" not in first


@pytest.mark.parametrize("name", ["cpu_usage", "memory_usage", "bytes_received", "cpu_requests"])
def test_the_large_metrics_touch_no_labels_in_the_usual_case(name: str) -> None:
    """Where the scrape sets `node` and nothing is exported, no label function sees a series."""
    touched: list[str] = []

    def visit(node: object) -> None:
        if type(node).__name__ == "Call" and getattr(node, "func").name == "label_join":  # noqa: B009 - no types
            touched.append(str(node))

    walk(parse(catalogue(METRICS=name).metrics[0].query), pre_visit=visit)
    assert touched
    for call in touched:
        for selector in re.findall(r"\{[^}]*\}", call):
            assert 'node=""' in selector or re.search(r'exported_\w+!=""', selector), selector
