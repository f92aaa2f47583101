"""The quick start's commands work as written."""

from __future__ import annotations

import shlex

from tests.documents import blocks
from tests.run.command import in_process
from tests.run.conftest import Export


def test_the_quick_start_works_on_an_export(export: Export) -> None:
    (block,) = blocks("docs/quickstart.md", "run")
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "promferry"
        said = in_process(*arguments, moment=export.moment, environ=export.environ)
        assert said.status == 0, f"{line}: {said.text}"
        assert said.out, line
