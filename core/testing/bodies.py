"""Bodies that a put is tried with: large without taking memory, and ones that break off."""

from __future__ import annotations

import io
from typing import Any, Final

_BLOCK: Final = (
    bytes(range(251)) * 4177
)  # about 1 MiB; 251 is prime, so no chunk looks like another


class Generated(io.RawIOBase):
    """A seekable body of `size` bytes that are made as they are read.

    `largest_read` is the most that was asked for at once. From the byte `breaks_at` on, each read
    raises `error`.
    """

    def __init__(
        self, size: int, *, breaks_at: int | None = None, error: BaseException | None = None
    ) -> None:
        self._size = size
        self._at = 0
        self._breaks_at = size if breaks_at is None else breaks_at
        self._error = error
        self.largest_read = 0

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def seekable(self) -> bool:
        """Say that it is."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return that many bytes, fewer at the end, or break off."""
        rest = max(0, self._size - self._at)
        wanted = rest if size is None or size < 0 else min(size, rest)
        self.largest_read = max(self.largest_read, wanted)
        if self._error is not None and self._at + wanted > self._breaks_at:
            raise self._error
        return self._take(wanted)

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def matches(self, body: Any, chunk: int = 1 << 16) -> bool:
        """Say whether `body` holds the same bytes, reading it to its end."""
        self._at = 0
        while found := body.read(chunk):
            if found != self._take(min(len(found), self._size - self._at)):
                return False
        return self._at == self._size

    def _take(self, count: int) -> bytes:
        begin = self._at % len(_BLOCK)
        self._at += count
        times = (begin + count) // len(_BLOCK) + 1
        return (_BLOCK * times)[begin : begin + count]
