"""What `promferry report` does with odd exports, odd labels and odd places."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from selenium import webdriver

from tests.report.conftest import Exported, rows
from tests.report.independent import HOUR
from tests.run.command import in_process, settings
from tests.servers import browser
from tests.servers.s3 import Moto

WIDTHS = [(1400, 1000), (420, 900)]


def test_without_an_export_there_is_nothing_to_report(tmp_path: Path) -> None:
    environ = settings(9090, tmp_path / "out")
    said = in_process("report", moment=0, environ=environ)
    assert said.status == 1
    (line,) = said.text.splitlines()
    assert "requests and usage were not both exported in this time: nothing to report" in line
    page = tmp_path / "page.html"
    assert in_process("report", "--html", str(page), moment=0, environ=environ).status == 1
    assert "There is nothing to report" in page.read_text("utf-8")


def test_a_time_without_data_has_nothing_to_report(exported: Exported) -> None:
    for begin in ("2025-11-05", "2025-11-02T00:56"):
        said = exported.report("--from", begin)
        assert said.status == 1
        assert "nothing to report" in said.out


def test_windows_without_a_series_are_no_data(exported: Exported, tmp_path: Path) -> None:
    """A cluster whose cAdvisor is not scraped: exported, and empty."""
    other = exported.copy(tmp_path / "copy")
    for file in other.folder.rglob("*_usage.json.gz"):
        file.write_bytes(gzip.compress(b""))
    said = other.report()
    assert said.status == 1
    assert "cpu: 49 h are left out, since cpu_usage has no sample in them" in said.out
    assert "memory: 49 h are left out, since memory_usage has no sample in them" in said.out


def test_a_metric_that_is_not_exported_is_told_and_the_other_resource_shown(
    exported: Exported, tmp_path: Path
) -> None:
    other = exported.copy(tmp_path / "copy")
    for file in other.folder.rglob("*_memory_requests.json.gz"):
        file.unlink()
    said = other.report("--csv", "-")
    assert said.status == 0
    assert "memory: no file of memory_requests" in said.err
    whole = rows(exported.report("--csv", "-"))
    assert {who: each["cpu"] for who, each in rows(said).items()} == {
        who: each["cpu"] for who, each in whole.items()
    }
    assert all("memory" not in each for each in rows(said).values())


def test_without_owners_each_pod_stands_for_itself(exported: Exported, tmp_path: Path) -> None:
    other = exported.copy(tmp_path / "copy")
    for metric in ("replicaset_owner", "pod_phase"):
        for file in other.folder.rglob(f"*_{metric}.json.gz"):
            file.unlink()
    said = other.report("--csv", "-")
    assert ("shop", "ReplicaSet/web-6f7d8c9b5") in rows(said)
    assert "no pod_phase was exported: requests count for pods, too, that are over" in said.err
    waits = rows(said)["ml", "Job/too-big"]["cpu"]
    assert waits.requested == waits.wasted > 0
    for file in other.folder.rglob("*_pod_owner.json.gz"):
        file.unlink()
    said = other.report("--csv", "-")
    assert ("data", "Pod/db-0") in rows(said)
    assert "no pod_owner was exported" in said.err


def test_a_damaged_file_is_named(exported: Exported, tmp_path: Path) -> None:
    other = exported.copy(tmp_path / "copy")
    file = sorted(other.folder.rglob("*_memory_usage.json.gz"))[7]
    file.write_bytes(file.read_bytes()[:100])
    said = other.report()
    assert said.status == 1
    (line,) = said.error_lines()
    assert str(file.parent) in line
    assert "promferry run --from ... --to ... --metric memory_usage" in line


def test_s3_gives_the_same_and_leaves_nothing_behind(
    exported: Exported, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Objects are copied a day at a time, into the temporary folder."""
    midnight = exported.begin + 24 * HOUR  # files of two days, and of two months
    for name, value in moto.root.environ(moto.url).items():
        monkeypatch.setenv(name, value)
    bucket = moto.make_bucket()
    s3 = moto.client()
    for file in exported.folder.rglob("*.json.gz"):
        if abs(int(file.name[:10]) - midnight) <= 3 * HOUR:
            s3.upload_file(str(file), bucket, f"k8s/prod/{file.relative_to(exported.folder)}")
    s3.close()
    environ = {**exported.environ, "SINK": "s3", "S3_BUCKET": bucket, "S3_PREFIX": "k8s"}
    del environ["LOCAL_DIR"]
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("promferry-report-*"))
    there = in_process("report", "--csv", "-", moment=exported.end, environ=environ)
    here = exported.report("--csv", "-", "--from", "2025-10-31T21:00", "--to", "2025-11-01T04:00")
    assert (there.status, there.out) == (0, here.out)
    assert set(Path(os.environ.get("TMPDIR", "/tmp")).glob("promferry-report-*")) <= before


def test_without_duckdb_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['duckdb'] = None\n"  # Python's own way to say: not installed
        "from promferry.core.main import main; sys.argv[1:] = ['report']; main()"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert "pip install 'promferry[report]'" in line


def test_an_end_before_its_beginning_and_a_folder_that_is_not_there_are_refused(
    exported: Exported, tmp_path: Path
) -> None:
    said = exported.report("--from", "2025-11-02", "--to", "2025-10-31")
    assert said.status == 2
    assert "is not after --from" in said.err
    for option in ("--csv", "--html"):
        said = exported.report(option, str(tmp_path / "none/file"))
        assert said.status == 2
        assert "can't write" in said.err


@pytest.fixture(scope="module")
def page(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page, and beside it `report.csv`."""
    folder = tmp_path_factory.mktemp("page")
    said = exported.report(
        "--html", str(folder / "report.html"), "--csv", str(folder / "report.csv")
    )
    assert (said.status, len(said.out.splitlines())) == (0, 2)
    return folder / "report.html"


def test_the_page_is_quiet_accessible_and_says_what_the_csv_says(
    page: Path, tmp_path: Path
) -> None:
    with browser.chromium(tmp_path) as chromium:
        for size in WIDTHS:
            for scheme in ("light", "dark"):
                assert browser.complaints(chromium, page, size, scheme) == []
        found = shown(chromium)
    lines = [line.split(",") for line in (page.parent / "report.csv").read_text().splitlines()]
    assert [row[:3] for row in found] == [line[:3] for line in lines[1:]]
    for row, line in zip(found, lines[1:], strict=True):
        cpu = [float(each.replace(",", "")) for each in row[4:7]]
        assert cpu == pytest.approx([float(line[at]) for at in (3, 4, 6)], abs=0.005)


def shown(chromium: webdriver.Chrome) -> list[list[str]]:
    """Return the cells of each row of the page's table."""
    found: list[list[str]] = chromium.execute_script(
        "return [...document.querySelectorAll('#rows tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found
