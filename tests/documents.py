"""What the documents show: blocks of text that tests take out and try.

A block that can be tried has a comment before it that says how:

    <!-- file: NAME -->     the text of a file
    <!-- run: PLACE -->     commands for a shell
    <!-- query: NAME -->    a statement for a reader of the data
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

TOP: Final = Path(__file__).parents[1]
_BLOCK: Final = re.compile(
    r"^ *<!-- (?P<kind>file|run|query): (?P<name>[^\n]+) -->\n"
    r" *```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@attrs.frozen
class Block:
    """A block, where it stands (`docs/output.md:12`), and what its comment says."""

    place: str
    kind: str
    name: str
    language: str
    text: str


def blocks(document: str, kind: str) -> Iterator[Block]:
    """Yield the blocks of that kind in a document, named from the top of the repository."""
    text = (TOP / document).read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found["kind"] == kind:
            line = text.count("\n", 0, found.start()) + 1
            place = f"{document}:{line}"
            yield Block(place, kind, found["name"], found["language"], found["text"])


def block(document: str, kind: str, name: str) -> str:
    """Return the text of the one block of that kind and name."""
    (found,) = (each for each in blocks(document, kind) if each.name == name)
    return found.text
