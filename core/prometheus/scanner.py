"""A scanner for JSON that comes in pieces: where containers, keys and elements begin and end.

It builds nothing; it only keeps the brackets that are open and the last key of each object. It is
the slow and sure way through an answer; `framing` takes a faster one where the answer allows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from .errors import BrokenAnswerError

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:"]', re.DOTALL)
_DEEPEST: Final = 64


class Scanner:
    """Scans a growing buffer from its start; calls back at each bracket.

    `on_open(position, path)` and `on_close(position, path)` get the bracket's position in the
    buffer and the keys that lead to its container (None for an array's element); when one returns
    True the scan stops behind that bracket.
    """

    def __init__(self) -> None:
        self.position = 0
        self.path: list[str | None] = []  # for each open container, the key it stands under
        self._is_object: list[bool] = []
        self._key: list[str | None] = []  # for each open container, the last key inside it
        self._expects_key = False
        self._key_token: bytes | None = None

    @property
    def depth(self) -> int:
        """How many containers are open."""
        return len(self.path)

    def scan(self, view: bytes, stop: Callable[[int, bool], bool], *, final: bool = False) -> bool:
        """Go on until `stop(position, opened)` returns True at a bracket, or `view` ends.

        `stop` is called after an opening bracket was taken in and before a closing one is let go.
        Returns whether it stopped; `position` is then behind the bracket.
        """
        for match in _TOKEN.finditer(view, self.position):
            token = match[0]
            start = match.start()
            if token == b'"':  # a string that goes on beyond the buffer
                self.position = start
                if final:
                    raise BrokenAnswerError("the answer ends inside a string")
                return False
            self.position = match.end()
            if token in b"{[":
                self._push(is_object=token == b"{")
                if stop(start, True):
                    return True
            elif token in b"]}":
                if not self._is_object or self._is_object[-1] != (token == b"}"):
                    raise BrokenAnswerError("the answer is not JSON: its brackets do not match")
                stopped = stop(start, False)
                self._pop()
                if stopped:
                    return True
            else:
                self._inside(token)
        # Whatever follows the last token holds no structure: a string's quote is a token.
        self.position = max(self.position, len(view))
        return False

    def _inside(self, token: bytes) -> None:
        """Take in a string, a colon or a comma: they make the keys of the innermost object."""
        if token == b",":
            self._expects_key = bool(self._is_object) and self._is_object[-1]
            self._key_token = None
        elif not self._expects_key:
            return
        elif token != b":":
            self._key_token = token
        elif self._key_token is not None:
            self._key[-1] = _text(self._key_token)
            self._expects_key, self._key_token = False, None

    def _push(self, *, is_object: bool) -> None:
        if len(self.path) >= _DEEPEST:
            raise BrokenAnswerError(f"the answer nests deeper than {_DEEPEST} levels")
        self.path.append(self._key[-1] if self._key and self._is_object[-1] else None)
        self._is_object.append(is_object)
        self._key.append(None)
        self._expects_key = is_object
        self._key_token = None

    def _pop(self) -> None:
        self.path.pop()
        self._is_object.pop()
        self._key.pop()
        self._expects_key = False


def _text(token: bytes) -> str:
    try:
        return str(json.loads(token))
    except ValueError as error:
        raise BrokenAnswerError(f"the answer is not JSON: {error}") from None
