"""Nothing lost, nothing doubled: kills, failing networks, two runs at once, a full disk.

The harnesses beside this file do the same at any size; here they run for a few seconds.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import proof
from tests.faults.chaos import MOMENT, S3_ERROR, same, until_whole
from tests.faults.conftest import Undisturbed
from tests.faults.crash import sink_of, survive
from tests.faults.together import Careless, together
from tests.servers.faults import S3_FAULTS, FaultProxy, seeded
from tests.servers.s3 import Moto


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_run_killed_at_any_moment_loses_and_doubles_nothing(
    kind: str, undisturbed: Undisturbed, moto: Moto, tmp_path: Path
) -> None:
    """`kill -9`; afterwards the sink is that of an undisturbed export, byte for byte."""
    settings, objects, clear = sink_of(kind, undisturbed.server.port, tmp_path / "export", moto)
    whole = survive(
        MOMENT, settings, objects, undisturbed.reference, clear, kills=4, chance=random.Random(5)
    )
    assert whole >= 1


def test_a_failing_network_before_prometheus_loses_and_doubles_nothing(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The number of requests stays bounded: no window is asked for without end."""
    with FaultProxy(undisturbed.server.url, seeded(7, share=0.15), stall=3, drip=3) as proxy:
        settings = proof.environ(
            proxy.port, SINK="local", LOCAL_DIR=str(tmp_path / "export"), QUERY_TIMEOUT="1"
        )
        until_whole(settings, runs=20)
        asked = sum(proxy.counts.values())
    same(proof.local_objects(tmp_path / "export/k8s/prometheus"), undisturbed.reference)
    assert asked < 5 * len(undisturbed.reference)


def test_a_failing_network_before_s3_loses_and_doubles_nothing(
    undisturbed: Undisturbed, moto: Moto
) -> None:
    bucket = moto.make_bucket()
    plan = seeded(7, S3_FAULTS, share=0.06)
    with FaultProxy(moto.url, plan, stall=3, drip=1, error_body=S3_ERROR) as proxy:
        settings = proof.environ(
            undisturbed.server.port, S3_BUCKET=bucket, **moto.root.environ(proxy.url)
        )
        until_whole(settings, runs=20)
        asked = sum(proxy.counts.values())
    prefix = "k8s/prometheus/"
    found = {key.removeprefix(prefix): body for key, body in moto.objects(bucket).items()}
    same(found, undisturbed.reference)
    assert asked < 12 * len(undisturbed.reference)


@pytest.mark.parametrize("kind", ["local", "s3", "careless"])
def test_two_runs_at_once_lose_nothing_of_each_other(
    kind: str, undisturbed: Undisturbed, moto: Moto, tmp_path: Path
) -> None:
    """Also on a store that takes no notice of conditions."""
    sink = "local" if kind == "local" else "s3"
    settings, objects, clear = sink_of(sink, undisturbed.server.port, tmp_path / "export", moto)
    with Careless(moto.url) as careless:
        if kind == "careless":
            settings |= moto.root.environ(careless.url)
        together(settings, objects, undisturbed.reference)
        clear()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    sudo = [] if shutil.which("sudo") is None else ["sudo"]
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run([*sudo, "umount", folder], check=True)


def test_a_full_disk_leaves_no_half_file_and_no_wrong_state(
    undisturbed: Undisturbed, small_disk: Path
) -> None:
    """What is there is whole, the state speaks of nothing else, and room mends it."""
    into = small_disk / "export"
    settings = proof.environ(undisturbed.server.port, SINK="local", LOCAL_DIR=str(into))
    status, said = proof.finished(MOMENT, settings)
    assert status == 1, said
    assert "No space left on device" in said
    assert "Traceback" not in said
    reference = proof.contents(undisturbed.reference)
    now = proof.contents(proof.local_objects(into / "k8s/prometheus"))
    assert 0 < len(now) < len(reference)
    assert all(body == reference[key] for key, body in now.items())
    moved = small_disk.parent / "larger"
    shutil.copytree(into, moved)
    settings |= {"LOCAL_DIR": str(moved)}
    status, said = proof.finished(MOMENT, settings)
    assert status == 0, said
    same(proof.local_objects(moved / "k8s/prometheus"), undisturbed.reference)


def test_a_full_temporary_folder_is_named(
    undisturbed: Undisturbed, small_disk: Path, tmp_path: Path
) -> None:
    """A large answer spills to disk; where that is full, the line says so and nothing is stored."""
    (tmp_path / "more").mkdir()
    # Digits that hardly compress: 3,600 of them for each of a hundred pods.
    query = " or ".join(
        f"label_replace(sin(kube_pod_info * time() * 1e7 / {n}), 'n', '{n}', '', '')"
        for n in range(3, 10)
    )
    (tmp_path / "more/big.yaml").write_text(f'name: big\nstep: 1\nquery: "{query}"\n', "utf-8")
    settings = proof.environ(
        undisturbed.server.port, SINK="local", LOCAL_DIR=str(tmp_path / "export"),
        TMPDIR=str(small_disk), QUERIES_DIR=str(tmp_path / "more"), METRICS="big",
    )  # fmt: skip
    status, said = proof.finished(MOMENT, settings, "run", "--from", "2025-10-31T12:00", "--to",
                                  "2025-10-31T13:00")  # fmt: skip
    assert status == 1, said
    assert "TMPDIR" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "export").rglob("*.json.gz"))
