"""The sink itself."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions as said
from obstore.store import LocalStore, MemoryStore, from_url
from promferry.core.errors import ConfigurationError, ConflictError, UnavailableError
from promferry.core.sink import ABSENT, Blob, Entry

PART = 5 << 20  # bytes; larger bodies go up in parts of this size, two at a time


class ObjectstoreSink:
    """Objects in whatever store obstore knows."""

    def __init__(self, store: Any, url: str) -> None:
        self._store = store
        self._url = url.rstrip("/")
        self._updates = not isinstance(store, LocalStore)

    @classmethod
    def at(cls, url: str) -> ObjectstoreSink:
        """Open the store at `url`; its credentials come from the cloud's own variables."""
        found = urlsplit(url)
        try:
            if found.scheme == "memory":
                return cls(MemoryStore(), url)
            if found.scheme == "file":
                folder = Path(unquote(found.path))
                return cls(LocalStore(folder, mkdir=True), url)
            return cls(from_url(url), url)
        except (said.BaseError, ValueError, OSError) as error:
            raise ConfigurationError(f"OBJECTSTORE_URL={url!r}: {_line(error)}") from None

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        """Store; a store shows an object only when all of it has arrived."""
        with self._meaning("put", key):
            mode = self._mode(if_version)
            if mode == "overwrite":
                obstore.put(self._store, key, _Rest(body), chunk_size=PART, max_concurrency=2)
            else:  # what has a condition is the state: small, and sent as one request
                obstore.put(self._store, key, body.read(), mode=mode)

    def get(self, key: str) -> Blob | None:
        """Return the object; its bytes come as they are read."""
        with self._meaning("get", key):
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError:
                return None
            body = _Stream(found.stream(), lambda: self._meaning("get", key))
            return Blob(io.BufferedReader(body, 1 << 16), str(found.meta["e_tag"]))

    def list(self, folder: str) -> Iterable[Entry]:
        """List one level."""
        with self._meaning("list", folder):
            found = obstore.list_with_delimiter(self._store, folder or None)
        entries = [Entry(_name(prefix), is_folder=True) for prefix in found["common_prefixes"]]
        for each in found["objects"]:
            modified = each["last_modified"].timestamp()
            entries.append(
                Entry(_name(each["path"]), is_folder=False, size=each["size"], modified=modified)
            )
        return sorted(entries, key=lambda entry: entry.name)

    def delete(self, key: str) -> None:
        """Delete one object."""
        with self._meaning("delete", key):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def locate(self, key: str) -> str:
        """Return the object's address."""
        return f"{self._url}/{key}"

    def close(self) -> None:
        """Nothing is held that the process' end does not give back."""

    def _mode(self, version: str | None) -> Any:
        if version == ABSENT:
            return "create"
        if version is None or not self._updates:
            return "overwrite"
        return {"e_tag": version}

    @contextmanager
    def _meaning(self, doing: str, key: str) -> Iterator[None]:
        """Turn the library's errors into promferry's: who reads the line knows what to do."""
        try:
            yield
        except (said.AlreadyExistsError, said.PreconditionError, said.NotModifiedError) as error:
            raise ConflictError(f"{self.locate(key)} was changed by another run") from error
        except (said.PermissionDeniedError, said.UnauthenticatedError) as error:
            raise ConfigurationError(
                f"can't {doing} {self.locate(key)}: {_line(error)}; check the credentials and the"
                " rights that they give"
            ) from error
        except FileNotFoundError as error:
            if doing == "put":  # a condition on an object that has been deleted meanwhile
                raise ConflictError(f"{self.locate(key)} was deleted by another run") from error
            raise UnavailableError(f"can't {doing} {self.locate(key)}: {_line(error)}") from error
        except (said.BaseError, OSError) as error:
            raise UnavailableError(f"can't {doing} {self.locate(key)}: {_line(error)}") from error


class _Rest:
    """What is left of a body, as a file that begins there: obstore may seek to its beginning."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._begin = body.tell()

    def read(self, size: int = -1) -> bytes:
        return self._body.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._begin
        return self._body.seek(offset, whence) - self._begin

    def tell(self) -> int:
        return self._body.tell() - self._begin


class _Stream(io.RawIOBase):
    """An object's bytes as they come from the store."""

    def __init__(self, chunks: Iterable[Any], meaning: Any) -> None:
        self._chunks = iter(chunks)
        self._meaning = meaning
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._meaning():
            while not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return 0
                self._rest = bytes(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _line(error: BaseException) -> str:
    """Return the first paragraph of obstore's message; what follows is for its developers."""
    return " ".join(str(error).partition("\n\n")[0].split())
