"""What is installed is what lies in the rooms, under one import namespace."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[1]
PACKAGED = {".py", ".yaml", ".typed", ".jinja", ".sql"}


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rooms(project: Any) -> list[str]:
    found: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    return found


def build(source: Path, into: Path, *targets: str) -> Path:
    """Build with the installed hatchling, without a network; return what was made."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *targets, "--outdir", str(into),
         str(source)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (made,) = into.iterdir()
    return made


@pytest.fixture(scope="module")
def from_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(build(TOP, tmp_path_factory.mktemp("wheel"), "--wheel")) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def from_sdist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    sdist = build(TOP, tmp_path_factory.mktemp("sdist"), "--sdist")
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        assert not [name for name in archive.getnames() if name.split("/")[1:2] == ["src"]]
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    with zipfile.ZipFile(build(source, tmp_path_factory.mktemp("wheel"), "--wheel")) as wheel:
        yield wheel


def files(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}


def test_links_for_development_and_the_table_of_the_wheel_say_the_same(
    project: Any, rooms: list[str]
) -> None:
    table = project["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]
    assert table == {room: f"promferry/{room}" for room in rooms}
    links = {link.name: link for link in (TOP / "src" / "promferry").iterdir()}
    assert set(links) == set(rooms)
    for room, link in links.items():
        assert link.is_symlink()
        assert link.resolve() == TOP / room


def test_wheel_holds_every_module_definition_and_marker(
    from_checkout: zipfile.ZipFile, rooms: list[str]
) -> None:
    here = {
        f"promferry/{path.relative_to(TOP)}"
        for room in rooms
        for path in (TOP / room).rglob("*")
        if path.suffix in PACKAGED or path.name == "py.typed"
    }
    packed = {name for name in files(from_checkout) if ".dist-info/" not in name}
    assert packed == here
    assert {"promferry/core/py.typed", "promferry/plugins/py.typed"} <= packed


def test_wheel_puts_nothing_beside_the_namespace(from_checkout: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in from_checkout.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"promferry"}
    assert "promferry/__init__.py" not in from_checkout.namelist()


def test_wheel_from_the_source_distribution_is_the_wheel_from_the_checkout(
    from_checkout: zipfile.ZipFile, from_sdist: zipfile.ZipFile
) -> None:
    assert files(from_sdist) == files(from_checkout)


def test_every_installed_entry_point_loads(project: Any) -> None:
    declared = set(project["project"]["entry-points"]["promferry"])
    installed = importlib.metadata.distribution("promferry").entry_points
    ours = installed.select(group="promferry")
    assert {entry.name for entry in ours} == declared
    for entry in ours:
        assert entry.load() is not None, entry
    (command,) = installed.select(group="console_scripts")
    assert callable(command.load())


def test_the_tests_use_the_wheel_where_they_were_told_to() -> None:
    """`WHEEL=1 make test` must not find a room of the checkout instead."""
    spec = importlib.util.find_spec("promferry.core")
    assert spec is not None
    assert spec.origin is not None
    from_wheel = "PROMFERRY_TEST_WHEEL" in os.environ
    assert ("site-packages" in spec.origin) == from_wheel
    if from_wheel:
        assert importlib.util.find_spec("core") is None
