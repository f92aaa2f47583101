"""The statements of docs/output.md, as they stand there, read a real export to the last sample."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from examples.demo.cluster import MADE_UP
from promferry.core import layout
from tests import documents
from tests.documents import block
from tests.readers.conftest import METRICS, Exported, Sample, here, run
from tests.servers.s3 import Moto

OUTPUT: Final = "docs/output.md"
ON_S3: Final = "s3://my-bucket/k8s/prometheus/prod/"
ON_DISK: Final = "export/k8s/prometheus/prod/"


def job(reader: str, change: Callable[[str], str] = lambda text: text) -> dict[str, Any]:
    """Return the job of a reader: the document's statements, for each metric in turn."""
    samples = change(block(OUTPUT, "query", f"{reader} samples"))
    assert samples.count("metric=cpu_usage") == 1
    return {
        "setup": "",
        "samples": {
            metric: samples.replace("metric=cpu_usage", f"metric={metric}") for metric in METRICS
        },
        "query": block(OUTPUT, "query", f"{reader} core-hours"),
    }


def samples(found: list[list[Any]]) -> set[Sample]:
    """Return an engine's samples as those of the server are, each once."""
    made = {(tuple(sorted(labels.items())), t, value) for labels, t, value in found}
    assert len(made) == len(found)
    return made


def same(answers: Mapping[str, Any], exported: Exported) -> None:
    """Hold everything that an engine has read against what the server says."""
    for metric in METRICS:
        assert samples(answers["samples"][metric]) == exported.told[metric], metric
    same_hours(answers["rows"], exported)


def same_hours(rows: list[list[Any]], exported: Exported) -> None:
    assert {(day, namespace): hours for day, namespace, hours in rows} == pytest.approx(
        exported.core_hours()
    )
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)


@pytest.fixture(scope="module")
def s3(exported: Exported, moto: Moto) -> Moto:
    """Give an S3 server with the export in `my-bucket`, as the document calls it."""
    client = moto.client()
    client.create_bucket(Bucket="my-bucket")
    for file in exported.files:
        key = str(file.relative_to(exported.folder / "export"))
        client.upload_file(str(file), "my-bucket", key)
    client.close()
    return moto


def test_the_export_is_worth_reading(exported: Exported) -> None:
    """Two months, hostile labels, odd numbers, windows without a series: all are there."""
    months = {file.relative_to(exported.folder / "export").parts[3] for file in exported.files}
    assert months == {"end=20251101", "end=20251201"}
    labels = {value for who, _, _ in exported.told["namespace_labels"] for _, value in who}
    assert labels >= set(MADE_UP)
    assert {value for _, _, value in exported.told["odd_values"]} >= {"nan", "inf", "-inf"}
    assert exported.told["nothing_there"] == set()
    assert len(exported.told["cpu_usage"]) > 1000


def test_duckdb_reads_the_disk(exported: Exported) -> None:
    same(run("duckdb", job("duckdb"), exported.folder, here()), exported)


def test_duckdb_reads_s3(exported: Exported, s3: Moto) -> None:
    """With the document's secret, and its extension from a package instead of the network."""
    setup = block(OUTPUT, "query", "duckdb s3")
    for text, other in (
        ("INSTALL httpfs;\nLOAD httpfs;\n", ""),
        ("'my-key-id'", f"'{s3.root.access_key}'"),
        ("'my-secret'", f"'{s3.root.secret_key}'"),
        ("REGION 'eu-central-1'",
         f"ENDPOINT '127.0.0.1:{s3.process.port}', URL_STYLE 'path', USE_SSL false"),
    ):  # fmt: skip
        assert setup.count(text) == 1
        setup = setup.replace(text, other)
    made = job("duckdb", lambda text: text.replace(ON_DISK, ON_S3))
    assert ON_S3 in made["samples"]["cpu_usage"]
    same(run("duckdb", {**made, "setup": setup, "extension": "httpfs"}, exported.folder), exported)


def test_polars_reads_the_disk(exported: Exported) -> None:
    """Of the labels those that the program lists."""
    answers = run("polars", job("polars"), exported.folder, here())
    assert samples(answers["samples"]["cpu_usage"]) == exported.told["cpu_usage"]
    assert answers["samples"]["nothing_there"] == []
    assert sorted(value for _, _, value in answers["samples"]["odd_values"]) == sorted(
        value for _, _, value in exported.told["odd_values"]
    )
    same_hours(answers["rows"], exported)


def test_spark_reads_the_disk(exported: Exported) -> None:
    same(run("spark", job("spark"), exported.folder), exported)


def test_clickhouse_reads_s3(exported: Exported, s3: Moto) -> None:
    def change(text: str) -> str:
        address = "https://my-bucket.s3.eu-central-1.amazonaws.com/"
        assert text.count(address) == 1
        return text.replace(address, f"{s3.url}/my-bucket/")

    same(run("clickhouse", job("clickhouse", change), exported.folder), exported)


def test_athena_finds_every_file_by_its_partitions(exported: Exported) -> None:
    """And the query, in another engine's dialect, answers what the server says."""
    prefix = "s3://my-bucket/k8s/prometheus/"
    partitions: dict[tuple[str, str, int, str], list[str]] = {}
    for file in exported.files:
        start = int(file.name[:10])
        _, end, day, metric = file.parent.relative_to(
            exported.folder / "export/k8s/prometheus"
        ).parts
        values = ("prod", end.removeprefix("end="), int(day.removeprefix("day=")),
                  metric.removeprefix("metric="))  # fmt: skip
        assert layout.key("prod", values[3], start).startswith(f"prod/{end}/{day}/")
        partitions.setdefault(values, []).append(str(file))
    answers = run(
        "athena",
        {
            "table": block(OUTPUT, "query", "athena table"),
            "query": block(OUTPUT, "query", "athena core-hours"),
            "files": list(partitions.items()),
        },
        exported.folder,
    )
    assert list(answers["columns"]) == ["metric", "values"]
    assert list(answers["partitions"]) == ["cluster", "month_end", "month_day", "name"]
    told = answers["properties"]
    for values, paths in partitions.items():
        place = told["storage.location.template"]
        for name, value in zip(answers["partitions"], values, strict=True):
            place = place.replace(f"${{{name}}}", str(value))
        for path in paths:
            assert path.endswith(place.removeprefix(prefix) + Path(path).name)
        low, high = told["projection.month_day.range"].split(",")
        assert int(low) <= int(values[2]) <= int(high)
        assert told["projection.month_end.range"].split(",")[0] <= values[1]
    same_hours(answers["rows"], exported)


def test_the_example_line_is_a_line_and_the_example_key_a_key(exported: Exported) -> None:
    """What the document shows of layout and file is what the product writes."""
    text = (documents.TOP / OUTPUT).read_text("utf-8")
    (line,) = (each.strip() for each in text.splitlines() if each.startswith('    {"metric"'))
    assert set(json.loads(line)) == {"metric", "values"}
    with gzip.open(next(file for file in exported.files if "cpu_usage" in file.name)) as file:
        first = file.readline()
    assert set(json.loads(first)) == {"metric", "values"}
    assert first.startswith(line[:11].encode())
    key = layout.key("prod", "cpu_requests", 1759622400)
    assert f"    k8s/prometheus/{key}\n" in text
