"""The words of a PromQL query and where they stand.

This reads no grammar. It is for what the parser does not do: keep a string literal's exact bytes,
say where a fault is, and refuse a query so nested that parsing it would overflow the stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

import attrs

DEEPEST: Final = 100
MOST: Final = 4000  # tokens; the largest query of the built-in catalogue has about 300

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<number>0[xX][0-9a-fA-F]+
        |(?:\d+(?:ms|[smhdwyi]))+
        |\d*\.?\d+(?:[eE][+-]?\d+)?\.?)
    |(?P<word>[a-zA-Z_:][a-zA-Z0-9_:.]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^=<>(){}\[\],@])
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL
)
_SIMPLE: Final = {
    "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11,
    "\\": 92, "'": 39, '"': 34,
}  # fmt: skip


@attrs.frozen
class Token:
    """A word of a query: its kind (`string`, `number`, `word`, `sign`, `other`) and place."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.start + len(self.text)


def tokens(query: str) -> Iterator[Token]:
    """Yield the words of `query`, without white space and comments."""
    for match in _TOKEN.finditer(query):
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), match.start())


def nesting(found: list[Token]) -> int:
    """Return how deep brackets and signs before operands are nested."""
    depth = deepest = signs = 0
    for token in found:
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "sign" else 0
        signs = signs + 1 if token.text in ("+", "-") else 0
        deepest = max(deepest, depth + signs)
    return deepest


def plain_strings(query: str) -> str:
    r"""Return the query with each string literal that the parser misreads written plainly.

    It takes `\d` inside a raw (back-quoted) string for an escape, and `\xc3` for a character
    instead of a byte. Raises ValueError for a literal that is no UTF-8 text.
    """
    parts: list[str] = []
    end = 0
    for token in tokens(query):
        if token.kind == "string" and (token.text[0] == "`" or re.search(r"\\[x0-7]", token.text)):
            parts += [query[end : token.start], quoted(_value(token.text))]
            end = token.end
    return "".join([*parts, query[end:]])


def quoted(text: str) -> str:
    """Return a string literal that every parser of PromQL reads as `text`."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(literal: str) -> str:
    if literal[0] == "`":
        return literal[1:-1].replace("\r", "")
    content = bytearray()
    end = 1
    for match in _ESCAPE.finditer(literal, 1, len(literal) - 1):
        content += literal[end : match.start()].encode() + _escaped(match[1])
        end = match.end()
    content += literal[end:-1].encode()
    return content.decode()  # UnicodeDecodeError is a ValueError


def _escaped(code: str) -> bytes:
    if len(code) == 1 and code in _SIMPLE:
        return bytes([_SIMPLE[code]])
    if code[0] == "x":
        return bytes([int(code[1:], 16)])
    if code[0] in "uU" and len(code) > 1:
        return chr(int(code[1:], 16)).encode()
    if code.isdigit() and len(code) == 3:  # noqa: PLR2004 - three octal digits
        return bytes([int(code, 8)])
    raise ValueError(f"unknown escape sequence \\{code}")
