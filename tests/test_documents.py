"""The documents: every link leads somewhere, every command that is named exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from promferry.core.main import COMMANDS
from tests.documents import TOP

DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[each.name for each in DOCUMENTS])
def test_every_link_leads_to_a_file(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_document_is_found_from_the_readme() -> None:
    readme = (TOP / "README.md").read_text("utf-8")
    assert [each.name for each in DOCUMENTS[1:] if f"docs/{each.name}" not in readme] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=[each.name for each in DOCUMENTS])
def test_every_command_that_is_named_exists(document: Path) -> None:
    for name in re.findall(
        r"^ {4,}promferry ([a-z]+)|`promferry ([a-z]+)", document.read_text(), re.MULTILINE
    ):
        assert "".join(name) in COMMANDS, f"{document.name}: promferry {''.join(name)}"


def test_every_dependency_is_justified() -> None:
    """A line in docs/dependencies.md for each package that is installed with promferry."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    told = (TOP / "docs/dependencies.md").read_text("utf-8")
    names = [re.split(r"[>=<\[ ]", each)[0] for each in project["dependencies"]]
    names += [re.split(r"[>=<\[ ]", each)[0] for each in project["optional-dependencies"]["test"]]
    assert [
        name for name in names if name != "promferry" and name.lower() not in told.lower()
    ] == []
