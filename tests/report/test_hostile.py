"""Label values are chosen by whoever runs a pod: they stay text, wherever they are shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.conftest import METRICS, Exported
from tests.run.command import in_process, settings
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

START = 1761868800
HOUR = 3600
NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "'); DROP TABLE pods; --",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe",
    "two\nlines, and a comma",
    '},{"metric":{"pod":"x"}',
    "{{ 7 * 7 }}",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Give an export of two clusters in one store, in each a pod of every name, for two hours."""
    history = History()
    for cluster, cores in (("a", 1.0), ("b", 3.0)):
        for name in NAMES:
            times = [START + n * 60.0 for n in range(121)]
            who = {"cluster": cluster, "namespace": name, "pod": f"{name}-0", "uid": f"{cluster}-1"}
            request = {**who, "container": "c", "node": "n", "resource": "cpu"}
            history.add(
                "kube_pod_container_resource_requests", request, [(t, cores) for t in times]
            )
            history.add("kube_pod_owner", {**who, "owner_kind": "StatefulSet", "owner_name": name},
                        [(t, 1.0) for t in times])  # fmt: skip
            history.add("kube_pod_status_phase", {**who, "phase": "Running"},
                        [(t, 1.0) for t in times])  # fmt: skip
            used = {"cluster": cluster, "namespace": name, "pod": f"{name}-0", "container": "c",
                    "node": "n", "id": "/x", "cpu": "total"}  # fmt: skip
            history.add("container_cpu_usage_seconds_total", used,
                        [(t, (t - START) * cores / 4) for t in times])  # fmt: skip
    folder = tmp_path_factory.mktemp("hostile")
    with Prometheus(folder / "prometheus") as server:
        server.push(history)
        environ = settings(
            server.port, folder / "ex[po]rt*", METRICS=METRICS, CLUSTER_LABEL="cluster",
            INITIAL_BACKFILL_DATE="2025-10-31", RETENTION_DAYS="0",
        )  # fmt: skip
        said = in_process("run", moment=START + 2 * HOUR + 120, environ=environ)
        assert said.status == 0, said.text
        yield Exported(environ, START, START + 2 * HOUR)


def test_each_cluster_of_a_shared_store_has_rows_of_its_own(hostile: Exported) -> None:
    """Also from a folder whose name looks like a pattern."""
    said = hostile.report("--csv", "-")
    assert said.status == 0
    lines = list(csv.DictReader(io.StringIO(said.out, newline="")))
    assert len(lines) == 2 * len(NAMES)
    hours = 2
    for line in lines:
        cores = {"a": 1.0, "b": 3.0}[line["cluster"]]
        assert float(line["cpu_requested_core_hours"]) == cores * hours
        assert float(line["cpu_used_core_hours"]) == pytest.approx(cores * hours / 4, rel=0.01)
        assert line["pods"] == "1"


def test_the_csv_holds_no_formula_and_no_control_character(hostile: Exported) -> None:
    said = hostile.report("--csv", "-")
    lines = list(csv.reader(io.StringIO(said.out, newline="")))
    cells = [each for line in lines for each in line]
    assert not any(each.startswith(("=", "+", "-", "@")) for each in cells)
    assert all(each.isprintable() for each in cells)
    namespaces = {line[1] for line in lines[1:]}
    assert "'=cmd|' /C calc'!A0" in namespaces
    assert "<script>alert(1)</script>" in namespaces, "what harms nobody stays as it is"


def test_the_table_writes_control_characters_out(hostile: Exported) -> None:
    """No label colours a terminal, sets its title or turns the text around."""
    said = hostile.report()
    assert "\\x1b[31mred\\x1b]0;title\\x07" in said.out
    assert "\\u202egnp.exe" in said.out
    assert all(char.isprintable() or char == "\n" for char in said.out)
    assert "[31m" in said.out, "rich takes no markup from a label"


class Elements(HTMLParser):
    """Counts elements and gathers text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_runs_and_fetches_nothing_of_a_label(hostile: Exported, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert hostile.report("--html", str(page)).status == 0
    found = Elements()
    found.feed(page.read_text("utf-8"))
    assert not found.tags & {"script", "img", "iframe", "object", "svg", "form", "a"}
    assert not {name for name in found.attributes if name.startswith("on")}
    for name in NAMES:
        assert name in found.text
