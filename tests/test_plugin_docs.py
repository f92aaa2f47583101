"""docs/plugins.md: every hook with its signature, and a sink that keeps what it promises."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from promferry.core import auth, hooks, sink
from promferry.core.testing import MakeSink, SinkPromises
from tests import test_plugin_hooks
from tests.documents import TOP, block

DOCUMENT = "docs/plugins.md"
TEXT = (TOP / DOCUMENT).read_text(encoding="utf-8")


def signature(function: Any) -> str:
    """Return the signature as it is written, without self and without NoneType's own arrow."""
    found = inspect.signature(function)
    parameters = [each for each in found.parameters.values() if each.name != "self"]
    return str(found.replace(parameters=parameters)).replace("'", "")


def declared(cls: type) -> str:
    """Return a class' fields as a call: `Blob(body: BinaryIO, version: str)`."""
    parameters = []
    for field in attrs.fields(cls):
        default = "" if field.default is attrs.NOTHING else f" = {field.default!r}"
        parameters.append(f"{field.name}: {field.type}{default}")
    return f"{cls.__name__}({', '.join(parameters)})"


SPECS = [name for name in vars(hooks.Specs) if name.startswith("promferry_")]


@pytest.mark.parametrize("hook", SPECS)
def test_the_heading_of_a_hook_is_its_exact_signature(hook: str) -> None:
    heading = f"### `{hook}{signature(getattr(hooks.Specs, hook))}`"
    assert heading in TEXT.splitlines()


def test_every_heading_of_a_hook_is_one_of_a_hook_that_exists() -> None:
    assert re.findall(r"^### `(promferry_\w+)", TEXT, re.MULTILINE) == SPECS


@pytest.mark.parametrize("hook", SPECS)
def test_every_hook_has_a_test(hook: str) -> None:
    assert callable(getattr(test_plugin_hooks, f"test_{hook}", None))


@pytest.mark.parametrize(
    "cls",
    [
        hooks.QueryPack, hooks.SinkPlugin, hooks.SinkContext, hooks.AuthMethod, hooks.AuthContext,
        auth.Auth, sink.Blob, sink.Entry,
    ],
)  # fmt: skip
def test_what_hooks_return_and_get_is_shown_with_every_field(cls: type) -> None:
    assert f"`{declared(cls)}`" in TEXT


def test_every_method_of_a_sink_is_shown_with_its_signature() -> None:
    methods = [name for name in vars(sink.Sink) if not name.startswith("_")]
    for name in methods:
        shown = f"`{name}{signature(getattr(sink.Sink, name))}`".replace("|", "\\|")
        assert shown in TEXT


def test_every_attribute_of_the_kit_is_shown() -> None:
    annotations = inspect.get_annotations(SinkPromises)
    table = TEXT.partition("| attribute |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(annotations)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the document's own package in it, as a reader would make it."""
    folder = tmp_path_factory.mktemp("archive")
    for name in ("pyproject.toml", "promferry_archive.py", "test_promferry_archive.py"):
        (folder / name).write_text(block(DOCUMENT, "file", name), encoding="utf-8")
    return folder


class TestSinkOfTheDocument(SinkPromises):
    """The sink that docs/plugins.md shows keeps every promise."""

    @pytest.fixture
    def make_sink(self, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSink:
        monkeypatch.syspath_prepend(archive)
        module: ModuleType = importlib.import_module("promferry_archive")
        return lambda: module.ArchiveSink(str(tmp_path / "archive.sqlite"))


def test_the_kit_runs_as_the_document_shows(archive: Path) -> None:
    """The test file of the document, run by pytest alone, with the kit found in the package."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(archive),
         str(archive / "test_promferry_archive.py"), "-k", "close or delete"],
        cwd=archive, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
