"""A sink in memory, for tests of what lies above a sink; it can be told to have no conditions."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import BinaryIO

from promferry.core.errors import ConflictError
from promferry.core.sink import ABSENT, Blob, Entry


class MemorySink:
    """Keeps every promise of a sink; `before_put` is called first: another run comes between."""

    def __init__(self, *, conditions: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.before_put: Callable[[str], None] = lambda _: None
        self.puts: list[str] = []
        self._conditions = conditions

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        self.before_put(key)
        held = self.objects.get(key)
        version = ABSENT if held is None else str(hash(held))
        if self._conditions and if_version is not None and if_version != version:
            raise ConflictError(key)
        self.objects[key] = body.read()
        self.puts.append(key)

    def get(self, key: str) -> Blob | None:
        held = self.objects.get(key)
        return None if held is None else Blob(io.BytesIO(held), str(hash(held)))

    def list(self, folder: str) -> Iterable[Entry]:
        below = f"{folder}/" if folder else ""
        names: dict[str, Entry] = {}
        for key, body in self.objects.items():
            if key.startswith(below):
                name, slash, _ = key[len(below) :].partition("/")
                names[name] = Entry(name, bool(slash), 0 if slash else len(body))
        return [names[name] for name in sorted(names)]

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def locate(self, key: str) -> str:
        return f"memory:{key}"

    def close(self) -> None:
        pass
