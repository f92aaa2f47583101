"""What docs/metrics.md and the example pack show is what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from promferry.core import definition, relabel, template
from promferry.core.catalogue import render
from promferry.core.promql import check
from tests.catalogue.docs_table import PAGE, page

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = PAGE.read_text(encoding="utf-8")


def test_the_table_is_that_of_the_definitions() -> None:
    """If it fails: python -m tests.catalogue.docs_table."""
    assert page(TEXT) == TEXT


def test_every_variable_and_filter_is_documented() -> None:
    for name in (*template.variables(300), "own_labels", "with_node"):
        assert f"`{name}" in TEXT, name
    for label in relabel.OWN:
        assert f"`{label}`" in TEXT


@pytest.mark.parametrize("number", range(len(re.findall("```yaml", TEXT))))
def test_every_definition_on_the_page_is_one(tmp_path: Path, number: int) -> None:
    block = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[number]
    (tmp_path / "x.yaml").write_text(block)
    for each in definition.read(tmp_path / "x.yaml"):
        check(render(each, 300))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example pack as a user would, into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "pack"
    # A copy: building must not leave anything in the repository.
    subprocess.run(["cp", "-r", str(ROOT / "examples" / "query-pack"), str(source)], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
         "--no-index", "--no-build-isolation", "--target", str(target), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    return target


def promferry(installed: Path, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from promferry.core.main import main; main()", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), **environ},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_pack_is_part_of_the_catalogue(installed: Path) -> None:
    """Beside the built-in one, with its own name, version and file."""
    found = json.loads(promferry(installed, "metrics", "--json", METRICS="ingress_*,pod_info"))
    assert [metric["name"] for metric in found["metrics"]] == [
        "ingress_bytes_sent", "ingress_requests", "pod_info",
    ]  # fmt: skip
    assert found["metrics"][0]["source"].startswith(str(installed))
    plugins = json.loads(promferry(installed, "plugins", "--json"))["plugins"]
    mine = next(plugin for plugin in plugins if plugin["name"] == "ingress")
    assert (mine["kind"], mine["distribution"], mine["version"]) == (
        "queries", "promferry-ingress", "0.1.0",
    )  # fmt: skip
    query = promferry(installed, "metrics", "show", "ingress_requests", CLUSTER_LABEL="cluster")
    check(query.strip())
    assert query.count("cluster)") == 2
