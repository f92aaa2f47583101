"""What a sink is: the place that objects are put into.

Keys are slash-separated and relative to the sink's own root (for S3 the bucket and `S3_PREFIX`).
Every sink keeps these promises; `promferry.core.testing` takes any sink through them:

- `put` is atomic: at any moment a key holds nothing, the whole old object or the whole new one.
- After `put` has returned, the object survives a crash.
- Errors are those of `promferry.core.errors`: `ConfigurationError` where a person must act (no such
  bucket, no rights), `UnavailableError` where the store does not serve now (down, full),
  `ConflictError` from a conditional put.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Final, Protocol, runtime_checkable

import attrs

ABSENT: Final = ""
"""As `if_version`: put only if the key holds nothing yet."""


@attrs.frozen
class Entry:
    """One line of a listing: an object, or (with `is_folder`) a deeper level.

    `name` is the last part of the key only, without a slash. `size` is in bytes and `modified` in
    Unix seconds; both are 0 for a folder.
    """

    name: str
    is_folder: bool
    size: int = 0
    modified: float = 0.0


@attrs.frozen
class Blob:
    """An object's bytes, to be read once and closed, and the version that a put can demand."""

    body: BinaryIO
    version: str


@runtime_checkable
class Sink(Protocol):
    """The place that objects are put into. Every method may raise the errors named above."""

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        """Store everything from `body` (seekable, read from where it stands) under `key`.

        With `if_version`, only if the key still has that version (`ABSENT`: holds nothing), else
        `ConflictError`. A store that has no conditions puts without; the ledger allows for that.
        """

    def get(self, key: str) -> Blob | None:
        """Return the object, or None where there is none."""

    def list(self, folder: str) -> Iterable[Entry]:
        """Yield what lies directly in `folder` ("" is the root), one level, in order of name.

        A folder that does not exist yields nothing.
        """

    def delete(self, key: str) -> None:
        """Delete the object; a key that holds nothing is no error."""

    def locate(self, key: str) -> str:
        """Return where the key lies, for people: `s3://bucket/...` or a path."""

    def close(self) -> None:
        """Give back what the sink holds and clear what a crashed run left behind."""
