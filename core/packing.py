"""Packing lines into one gzip stream that can be rolled back to the end of an earlier part.

A window queried in pieces, one of which fails half-way, must not start anew. Each part is a raw
deflate stream of its own that ends on a byte boundary; joined, closed and given one header and one
trailer they are a single ordinary gzip member, which every reader takes.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import IO, BinaryIO, Final, Self, cast

from isal import isal_zlib

from .errors import UnavailableError

_LEVEL: Final = 1
_IN_MEMORY: Final = 4 << 20
_CHUNK: Final = 1 << 16
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_CLOSED: Final = b"\x03\x00"  # an empty last block


class SpoolError(UnavailableError):
    """There is no room in the temporary folder."""

    @classmethod
    def of(cls, folder: str, what: str, error: OSError) -> SpoolError:
        """Say which folder can't hold what, and what to do."""
        return cls(
            f"the temporary folder {folder} can't hold {what}: {error.strerror or error};"
            " free some space, or set TMPDIR to a larger one"
        )


class Packing:
    """A gzip file in the making: in memory while small, then in the temporary folder."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._file.write(_HEADER)
        self._crc = 0
        self._length = 0
        self._kept = (len(_HEADER), 0, 0)
        self._part = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, lines: bytes) -> None:
        """Add lines to the part that is open."""
        self._crc = isal_zlib.crc32(lines, self._crc)
        self._length += len(lines)
        packed = self._part.compress(lines)
        if packed:
            self._store(packed)

    def keep(self) -> None:
        """End the part that is open: what is packed so far stays."""
        if self._length == self._kept[2]:
            return  # nothing to keep: an object without a line is always the same few bytes
        self._store(self._part.flush(isal_zlib.Z_FULL_FLUSH))
        self._part = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
        self._kept = (self._file.tell(), self._crc, self._length)

    def roll_back(self) -> None:
        """Forget the part that is open."""
        position, self._crc, self._length = self._kept
        self._file.seek(position)
        self._file.truncate()
        self._part = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)

    def finish(self) -> tuple[BinaryIO, int]:
        """Close the gzip stream; return it, rewound, and its size in bytes."""
        self.roll_back()
        trailer = struct.pack("<LL", self._crc & 0xFFFFFFFF, self._length & 0xFFFFFFFF)
        self._store(_CLOSED + trailer)
        size = self._file.tell()
        self._file.seek(0)
        return cast("BinaryIO", self._file), size

    def _store(self, packed: bytes) -> None:
        try:
            self._file.write(packed)
        except OSError as error:
            raise SpoolError.of(tempfile.gettempdir(), "the answer", error) from error


def unpack(body: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a gzip file, without their ends, in flat memory.

    Raises `zlib.error` where it is damaged; a file cut short just ends.
    """
    decoder = zlib.decompressobj(wbits=31)
    rest = b""
    while chunk := body.read(_CHUNK):
        *lines, rest = (rest + decoder.decompress(chunk)).split(b"\n")
        yield from lines
