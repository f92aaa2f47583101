"""The packages in `examples/`, each installed as its README says and put to work."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from tests.documents import TOP
from tests.examples.environment import Environment
from tests.servers.prometheus import Prometheus

EXAMPLES = TOP / "examples"
PUBLIC = {
    f"promferry.core.{name}"
    for name in ("hooks", "sink", "auth", "environ", "secret", "errors", "testing")
}


@pytest.fixture(scope="module")
def sink_plugin(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment.make(tmp_path_factory.mktemp("sink-plugin") / "venv")
    environment.install("sink-plugin")
    return environment


def test_sink_plugin_passes_the_test_kit(sink_plugin: Environment) -> None:
    """Its own tests, in its own environment."""
    tests = EXAMPLES / "sink-plugin" / "tests"
    told = sink_plugin.read("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir",
                            str(sink_plugin.folder), str(tests))  # fmt: skip
    passed = re.search(r"^(\d+) passed", told, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 48, told


def test_sink_plugin_takes_a_run(
    sink_plugin: Environment, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """It is listed, chosen by name, and holds the same objects as the sink `local`."""
    rows = json.loads(sink_plugin.promferry("plugins", "--json").stdout)["plugins"]
    (row,) = (row for row in rows if row["name"] == "objectstore")
    assert row["distribution"] == "promferry-objectstore"
    assert not row["cause"]
    environ = {
        "HOSTNAME": "127.0.0.1", "PORT": str(cluster_prometheus.port), "CLUSTER_NAME": "prod",
        "METRICS": "cpu_requests", "RETENTION_DAYS": "0", "BACKFILL_DAYS": "0", "QUERY_DELAY": "0",
    }  # fmt: skip
    wish = ("run", "--from", "2025-10-31", "--to", "2025-10-31T03:00")
    objects = environ | {
        "SINK": "objectstore", "OBJECTSTORE_URL": f"file://{tmp_path}/objects",
    }  # fmt: skip
    files = environ | {"SINK": "local", "LOCAL_DIR": f"{tmp_path}/files"}
    for setting in (objects, files):
        done = sink_plugin.promferry(*wish, environ=setting)
        assert done.returncode == 0, done.stderr
    found = {
        str(path.relative_to(tmp_path / "objects")): path.read_bytes()
        for path in (tmp_path / "objects").rglob("*.gz")
    }
    assert len(found) == 3
    for name, content in found.items():
        assert (tmp_path / "files" / name).read_bytes() == content, name
    assert (tmp_path / "objects" / "prod" / "_state.json").is_file()


def test_query_pack_brings_its_metrics(tmp_path: Path) -> None:
    """As its README shows, beside the built-in ones."""
    environment = Environment.make(tmp_path / "venv")
    environment.install("query-pack")
    shown = environment.promferry("metrics", "show", "ingress_requests")
    assert shown.returncode == 0, shown.stderr
    assert "nginx_ingress" in shown.stdout
    listed = environment.promferry("metrics").stdout
    assert "ingress_requests" in listed
    assert "cpu_usage" in listed


def test_examples_import_only_what_the_documentation_names() -> None:
    """A third party's package that works must not need more than the public surface."""
    used = set()
    for file in EXAMPLES.glob("*/src/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                used.add(node.module or "")
            elif isinstance(node, ast.Import):
                used.update(alias.name for alias in node.names)
    ours = {name for name in used if name.startswith("promferry.")}
    assert ours
    assert ours <= PUBLIC


def test_every_example_package_has_a_test_here() -> None:
    packages = {file.parent.name for file in EXAMPLES.glob("*/pyproject.toml")}
    tested = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in packages if f'"{name}"' not in tested} == set()
