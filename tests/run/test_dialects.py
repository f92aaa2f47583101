"""Other servers and odd series: VictoriaMetrics, hostile labels, NaN and infinities, one step."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.run.command import Labels, as_series, in_process, objects, records, settings
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.victoria import VictoriaMetrics

DAY = 1761955200
HOUR = 3600
NASTY = [
    '},{"metric":{"x":"y"},"values":[[1,"2"]]}', '"', "\\", '\\"', "a\nb", "\r\n\t", "ü€😀",
    "\u2028\u2029", "]]}", '{"status":"error"}', "%s {{ x }} ${y}", "<script>alert(1)</script>",
    "' OR 1=1 --", "a" * 5000, " ", "\x7f",
]  # fmt: skip
VALUES = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e300, 5e-324, 0.1 + 0.2, 1e21, 123456789.125]


def history() -> History:
    """Return series with every nasty label and every odd value, two hours long."""
    made = History()
    times = range(DAY, DAY + 2 * HOUR, 60)
    for number, label in enumerate(NASTY):
        value = VALUES[number % len(VALUES)]
        labels = {"nasty": label, "number": str(number)}
        made.add("odd_gauge", labels, [(float(at), value) for at in times])
    return made


def exported(folder: Path) -> dict[Labels, list[Any]]:
    """Return all samples by labels over all files."""
    found: dict[Labels, list[Any]] = defaultdict(list)
    for _, body in sorted(objects(folder).items(), key=lambda each: each[0].rpartition("/")[2]):
        for labels, values in records(body):
            found[labels] += values
    return found


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/odd.yaml").write_text("name: odd\nquery: odd_gauge\n", "utf-8")
    return settings(
        0, tmp_path / "out", METRICS="odd", QUERIES_DIR=str(tmp_path / "more"), BACKFILL_DAYS="1"
    )


def test_hostile_labels_and_odd_values_survive(tmp_path: Path, environ: dict[str, str]) -> None:
    with Prometheus(tmp_path / "prometheus") as server:
        server.push(history())
        asked = ("run", "--from", "2025-11-01", "--to", "2025-11-01T02:00")
        said = in_process(
            *asked, moment=DAY + 3 * HOUR, environ={**environ, "PORT": str(server.port)}
        )
        assert said.status == 0, said.text
        answer = server.api_range("odd_gauge", DAY, DAY + 2 * HOUR - 1, 300)
    found = exported(tmp_path / "out")
    assert found == as_series(answer)
    assert {dict(labels)["nasty"] for labels in found} == set(NASTY)
    values = {value for series in found.values() for _, value in series}
    assert {"NaN", "+Inf", "-Inf", "-0", "0.30000000000000004"} <= values
    for body in objects(tmp_path / "out").values():
        assert len(body.splitlines()) == body.count(b"\n") == len(NASTY)


@pytest.mark.parametrize("timeout", ["120", "7"])
def test_victoria_metrics_is_exported_alike(
    timeout: str, victoria: VictoriaMetrics, tmp_path: Path, environ: dict[str, str]
) -> None:
    made = History()
    for number in range(20):
        labels = {"number": str(number), "nasty": NASTY[0]}
        made.add(
            "odd_gauge", labels, [(float(t), number + t % 7) for t in range(DAY, DAY + HOUR, 60)]
        )
    victoria.load(made)
    environ |= {"PORT": str(victoria.port), "QUERY_TIMEOUT": timeout}
    said = in_process(
        "run", "--from", "2025-11-01", "--to", "2025-11-01T01:00",
        moment=DAY + 3 * HOUR, environ=environ,
    )  # fmt: skip
    assert said.status == 0, said.text
    answer = victoria.api_range("odd_gauge", DAY, DAY + HOUR - 1, 300)
    assert exported(tmp_path / "out") == as_series(answer)
    assert len(answer) == 20


def test_a_window_of_more_than_11000_points_is_asked_for_in_pieces(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """A day at a step of five seconds: 17,280 points a series."""
    with Prometheus(tmp_path / "prometheus") as server:
        made = History()
        made.add(
            "odd_gauge", {"a": "b"}, [(float(t), t % 91) for t in range(DAY, DAY + 86_400, 60)]
        )
        server.push(made)
        environ |= {"PORT": str(server.port), "QUERY_STEP": "5", "TIME_FRAME": "86400"}
        said = in_process(
            "run", "--from", "2025-11-01", "--to", "2025-11-01",
            moment=DAY + 30 * HOUR, environ=environ,
        )  # fmt: skip
        assert said.status == 0, said.text
        middle = DAY + 5000 * 5
        expected = [
            *server.api_range("odd_gauge", DAY, middle - 1, 5)[0]["values"],
            *server.api_range("odd_gauge", middle, middle + 10_000 * 5 - 1, 5)[0]["values"],
            *server.api_range("odd_gauge", middle + 50_000, DAY + 86_399, 5)[0]["values"],
        ]
    (found,) = exported(tmp_path / "out").values()
    assert found == expected
    assert len(found) == 17_280
    assert len({at for at, _ in found}) == 17_280


def test_the_wire_may_be_compressed(
    victoria: VictoriaMetrics, tmp_path: Path, environ: dict[str, str]
) -> None:
    made = History()
    made.add("squeezed", {"a": "b" * 500}, [(float(t), 1.0) for t in range(DAY, DAY + HOUR, 60)])
    victoria.load(made)
    (tmp_path / "more/odd.yaml").write_text("name: odd\nquery: squeezed\n", "utf-8")
    asked = ("run", "--from", "2025-11-01", "--to", "2025-11-01T01:00")
    found = []
    for choice in ("true", "false"):
        environ |= {
            "PORT": str(victoria.port), "ACCEPT_GZIP": choice, "LOCAL_DIR": str(tmp_path / choice),
        }  # fmt: skip
        said = in_process(*asked, moment=DAY + 3 * HOUR, environ=environ)
        assert said.status == 0, said.text
        found.append(objects(tmp_path / choice))
    assert found[0] == found[1]
    assert json.loads(next(iter(found[0].values())))["metric"]["a"] == "b" * 500
