"""`promferry status` on a real export: the numbers, the table, the document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from promferry.core.times import iso
from tests.run.command import in_process, settings
from tests.servers.s3 import Moto
from tests.status.conftest import Staged


def test_the_document_says_what_is_there_and_what_is_not(staged: Staged) -> None:
    said = staged.status("--json")
    assert said.status == 1
    assert said.err == ""
    document = json.loads(said.out)
    metrics = {each["name"]: each for each in document["metrics"]}
    (hole,) = metrics["cpu_usage"]["holes"]
    assert hole["start"] == iso(staged.hole[1])
    assert "502" in hole["error"]
    (lost,) = metrics["pod_info"]["lost"]
    assert lost["start"] == iso(staged.lost[1])
    assert metrics["nothing_there"]["empty"] == metrics["nothing_there"]["windows"] == 24
    assert document["totals"] == {
        "metrics": 3, "windows": 70, "empty": 24, "objects": 70, "holes": 1, "lost": 1,
        "bytes": sum(each["bytes"] for each in metrics.values()),
    }  # fmt: skip
    folder = Path(staged.environ["LOCAL_DIR"]) / "prod"
    files = list(folder.rglob("*.json.gz"))
    assert document["totals"]["objects"] == len(files)
    assert document["totals"]["bytes"] == sum(file.stat().st_size for file in files)
    assert document["last_run"]["exit_status"] == 1
    assert document["behind_seconds"] < 600


def test_the_table_shows_a_person_the_same(staged: Staged) -> None:
    said = staged.status()
    assert said.status == 1
    assert "\x1b" not in said.out, "no colours where there is no terminal"
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert lines["cpu_usage"].rstrip().endswith("!▄")
    assert lines["nothing_there"].rstrip().endswith("░░")
    assert f"hole: cpu_usage {iso(staged.hole[1])}" in said.out
    assert f"lost: pod_info {iso(staged.lost[1])}" in said.out
    assert "the next run tries them again" in said.out


def test_days_limits_what_is_looked_at(staged: Staged) -> None:
    document = json.loads(staged.status("--json", "--days", "1").out)
    assert document["totals"]["holes"] == document["totals"]["lost"] == 0
    assert [day["day"] for day in document["days"]] == ["2025-11-01"]


def test_status_writes_nothing(staged: Staged) -> None:
    folder = Path(staged.environ["LOCAL_DIR"])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    staged.status()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_before_the_first_run_there_is_nothing(tmp_path: Path) -> None:
    said = in_process("status", moment=0, environ=settings(9090, tmp_path / "out"))
    assert said.status == 1
    assert "nothing has been exported yet" in said.out


def test_s3_gives_the_same(staged: Staged, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.root.environ(moto.url).items():
        monkeypatch.setenv(name, value)
    bucket = moto.make_bucket()
    folder = Path(staged.environ["LOCAL_DIR"])
    s3 = moto.client()
    for file in folder.rglob("*.json*"):
        s3.upload_file(str(file), bucket, f"k8s/{file.relative_to(folder)}")
    s3.close()
    environ = {**staged.environ, "SINK": "s3", "S3_BUCKET": bucket, "S3_PREFIX": "k8s"}
    there = json.loads(in_process("status", "--json", moment=staged.moment, environ=environ).out)
    here = json.loads(staged.status("--json").out)
    assert there.pop("place") == f"s3://{bucket}/k8s/prod"
    here.pop("place")
    assert there == here


def test_a_damaged_state_is_rebuilt_for_the_look_alone(staged: Staged, tmp_path: Path) -> None:
    shutil.copytree(staged.environ["LOCAL_DIR"], tmp_path / "copy")
    (tmp_path / "copy/prod/_state.json").write_bytes(b"{")
    environ = {**staged.environ, "LOCAL_DIR": str(tmp_path / "copy")}
    said = in_process("status", "--json", moment=staged.moment, environ=environ)
    assert json.loads(said.out)["totals"]["objects"] == 70
    assert "can't be read" in said.err
    assert (tmp_path / "copy/prod/_state.json").read_bytes() == b"{"
