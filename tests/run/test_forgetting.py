"""A server that has lost its past: what was exported is never overwritten by less."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.run.command import in_process, objects, records, settings
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

DAY = 1761955200
HOUR = 3600


def history(begin: int, end: int, pods: int = 3) -> History:
    made = History()
    for number in range(pods):
        made.add(
            "some_gauge",
            {"pod": f"pod-{number}"},
            [(float(at), at % 97) for at in range(begin, end, 60)],
        )
    return made


def samples(folder: Path) -> dict[Any, list[Any]]:
    """Return the samples of the only object with a line in it, by labels."""
    (body,) = [each for each in objects(folder).values() if each]
    found: dict[Any, list[Any]] = {}
    for labels, values in records(body):
        found.setdefault(labels, []).extend(values)
    return found


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/some.yaml").write_text("name: some\nquery: some_gauge\n", "utf-8")
    return settings(
        9090, tmp_path / "out", METRICS="some", QUERIES_DIR=str(tmp_path / "more"),
        BACKFILL_DAYS="1",
    )  # fmt: skip


def test_a_growing_window_keeps_what_a_server_lost(tmp_path: Path, environ: dict[str, str]) -> None:
    """Prometheus loses its disk at half past; the file has both halves, each sample once."""
    with Prometheus(tmp_path / "first") as server:
        server.push(history(DAY, DAY + 1800))
        environ |= {"PORT": str(server.port)}
        said = in_process("run", moment=DAY + 1800 + 120, environ=environ)
        assert said.status == 0, said.text
        before = samples(tmp_path / "out")
    with Prometheus(tmp_path / "second") as server:
        server.push(history(DAY + 1800, DAY + 3 * HOUR, pods=4))
        environ |= {"PORT": str(server.port)}
        for moment in (DAY + 1800 + 130, DAY + 2700, DAY + HOUR + 120):
            said = in_process("run", moment=moment, environ=environ)
            assert said.status == 0, said.text
            assert "has forgotten samples" in said.err
        direct = server.api_range("some_gauge", DAY + 1800, DAY + HOUR - 1, 300)
    after = samples(tmp_path / "out")
    expected = {labels: list(values) for labels, values in before.items()}
    for one in direct:
        expected.setdefault(tuple(sorted(one["metric"].items())), []).extend(one["values"])
    assert after == expected
    assert len(after) == 4
    assert len(after[(("__name__", "some_gauge"), ("pod", "pod-0"))]) == 12


def test_more_stored_than_recorded_is_not_doubled(tmp_path: Path, environ: dict[str, str]) -> None:
    """A run was killed between the object and the state, and then the server lost its past."""
    with Prometheus(tmp_path / "first") as server:
        server.push(history(DAY, DAY + 1800))
        environ |= {"PORT": str(server.port)}
        in_process("run", moment=DAY + 900 + 120, environ=environ)
        shutil.copy(tmp_path / "out/prod/_state.json", tmp_path / "earlier")
        in_process("run", moment=DAY + 1800 + 120, environ=environ)
        shutil.copy(tmp_path / "earlier", tmp_path / "out/prod/_state.json")
        before = samples(tmp_path / "out")
    with Prometheus(tmp_path / "second") as server:
        environ |= {"PORT": str(server.port)}
        assert in_process("run", moment=DAY + HOUR + 120, environ=environ).status == 0
    assert samples(tmp_path / "out") == before


def test_asking_again_for_what_the_server_has_dropped_keeps_it(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with Prometheus(tmp_path / "first") as server:
        server.push(history(DAY, DAY + HOUR))
        environ |= {"PORT": str(server.port)}
        in_process("run", moment=DAY + HOUR + 120, environ=environ)
        before = objects(tmp_path / "out")
    asked = ("run", "--from", "2025-11-01", "--to", "2025-11-01T01:00")
    with Prometheus(tmp_path / "second") as server:
        environ |= {"PORT": str(server.port)}
        said = in_process(*asked, moment=DAY + 2 * HOUR, environ=environ)
        assert said.status == 0, said.text
        assert "has forgotten samples" in said.err
        assert objects(tmp_path / "out") == before
        server.push(history(DAY, DAY + HOUR, pods=1))  # less, but something: it was asked for
        said = in_process(*asked, moment=DAY + 2 * HOUR, environ=environ)
        assert said.status == 0, said.text
    assert len(samples(tmp_path / "out")) == 1


def test_a_damaged_object_is_replaced(tmp_path: Path, environ: dict[str, str]) -> None:
    with Prometheus(tmp_path / "first") as server:
        server.push(history(DAY, DAY + HOUR))
        environ |= {"PORT": str(server.port)}
        in_process("run", moment=DAY + 1920, environ=environ)
        (file,) = [
            path
            for path in (tmp_path / "out").rglob("*.json.gz")
            if gzip.decompress(path.read_bytes())
        ]
        file.write_bytes(b"\x1f\x8b damaged")
        assert in_process("run", moment=DAY + HOUR + 120, environ=environ).status == 0
    assert len(samples(tmp_path / "out")) == 3
