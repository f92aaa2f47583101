"""Wrong settings: all of them at once, a line each, exit status 2, and nothing is written."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.run.command import Said, in_process, settings

NOW = 1761955200.0


def refused(tmp_path: Path, **environ: str) -> Said:
    given = settings(1, tmp_path / "out")
    said = in_process("run", moment=NOW, environ={**given, **environ})
    assert said.status == 2, said.text
    assert "Traceback" not in said.text
    assert said.error_lines(), said.text
    assert not (tmp_path / "out").exists()
    return said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLUSTER_NAME", "../x"), ("CLUSTER_NAME", ".."), ("CLUSTER_NAME", "a/b"),
        ("CLUSTER_NAME", ""), ("CLUSTER_NAME", "a b"),
        ("TIME_FRAME", "0"), ("TIME_FRAME", "-5"), ("TIME_FRAME", "1h"),
        ("BACKFILL_DAYS", "3w"), ("BACKFILL_DAYS", "-1"), ("BACKFILL_DAYS", "40"),
        ("PORT", "0"), ("PORT", "65536"), ("PORT", "tcp://10.0.0.1:9090"),
        ("SCHEME", "ftp"), ("HOSTNAME", "http://prometheus"), ("HOSTNAME", "a/b"),
        ("PATH_PREFIX", "http://x/y"), ("PATH_PREFIX", "a/../b"),
        ("QUERY_DELAY", "slow"), ("QUERY_DELAY", "-1"), ("QUERY_TIMEOUT", "0"),
        ("QUERY_STEP", "0"), ("QUERIES_DIR", "/no/such/folder"), ("METRICS", "nothing_like_it"),
        ("MATCHERS", "cluster=prod"), ("MATCHERS", '{cluster="prod"}'), ("CLUSTER_LABEL", "a-b"),
        ("SETTLE", "-1"), ("INITIAL_BACKFILL_DATE", "2025-13-01"), ("RETENTION_DAYS", "ever"),
        ("PROMETHEUS_CA_FILE", "/no/such/file"), ("PROMETHEUS_INSECURE_SKIP_VERIFY", "maybe"),
        ("ACCEPT_GZIP", "perhaps"), ("SHARD", "4/4"), ("SHARD", "1"), ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"), ("SINK", "nowhere"), ("AUTH", "magic"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_was_given(
    variable: str, value: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, **{variable: value})
    (line,) = said.error_lines()
    assert variable in line
    assert value in line


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    said = refused(
        tmp_path, CLUSTER_NAME="", TIME_FRAME="1h", PORT="x", LOCAL_DIR="", METRICS="zzz",
        PROMETHEUS_USERNAME="me",
    )  # fmt: skip
    for name in (
        "CLUSTER_NAME",
        "TIME_FRAME",
        "PORT",
        "LOCAL_DIR",
        "METRICS",
        "PROMETHEUS_PASSWORD",
    ):
        assert any(name in line for line in said.error_lines()), name


def test_no_sink_names_both_choices(tmp_path: Path) -> None:
    said = refused(tmp_path, SINK="", LOCAL_DIR="")
    assert "S3_BUCKET" in said.err
    assert "SINK=local" in said.err


@pytest.mark.parametrize(
    ("bucket", "prefix", "named"),
    [("s3://b/x", "k8s", "S3_BUCKET"), ("b/x", "k8s", "S3_BUCKET"), ("UPPER", "k8s", "S3_BUCKET"),
     ("good-bucket", "", "S3_PREFIX"), ("good-bucket", "a/../b", "S3_PREFIX")],
)  # fmt: skip
def test_a_bucket_is_a_name_and_a_prefix_is_a_path(
    bucket: str, prefix: str, named: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, SINK="", LOCAL_DIR="", S3_BUCKET=bucket, S3_PREFIX=prefix)
    assert any(named in line for line in said.error_lines())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("- 1\n- 2\n", "accepted: a mapping"),
        ("just text\n", "accepted: a mapping"),
        ("name: a\nquery: up\ncolour: red\n", "colour"),
        ("name: A-b\nquery: up\n", "A-b"),
        ("name: a\n", "query"),
        ("name: a\nquery: up\n---\nname: a\nquery: up\n", "a"),
        ("[{name: a, query: up}, {name: a, query: up}]", "defined in"),
        ("name: cpu_usage\nquery: up\n", "cpu_usage"),
        ("name: a\nquery: '{{ nothing }}'\n", "nothing"),
        ("name: a\nquery: '{% for %}'\n", "render"),
        ("name: a\nquery: '{{ ().__class__ }}'\n", "render"),
        ("name: a\nquery: up\nstep: -1\n", "step"),
        ("name: [\n", "line"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)), "alias"),
        ("!!python/object/apply:os.system ['true']\n", "line"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_named_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/bad.yaml").write_text(text, "utf-8")
    answer = refused(tmp_path, QUERIES_DIR=str(tmp_path / "more"))
    assert all("bad.yaml" in line for line in answer.error_lines())
    assert said in answer.err


def test_a_pod_name_in_hostname_counts_as_unset(tmp_path: Path) -> None:
    """Kubernetes sets HOSTNAME to the pod's own name; nobody means that as the address."""
    environ = settings(1, tmp_path / "out", HOSTNAME=socket.gethostname(), LOG_LEVEL="DEBUG")
    said = in_process("run", moment=NOW, environ=environ)
    assert said.status == 1
    assert "HOSTNAME is this machine's own name" in said.err
    assert "http://localhost:1" in said.err
