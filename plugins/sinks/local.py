"""The sink `local`: files below a folder.

A file appears whole or not at all, also after a power cut: it is written under another name in
`_tmp`, flushed to the disk and renamed. A run that was killed leaves its temporary file there; the
file's lock has gone with the process, and the next run removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

import attrs

from promferry.core.environ import var
from promferry.core.errors import ConfigurationError, ConflictError, UnavailableError
from promferry.core.hooks import SinkContext, SinkPlugin, hookimpl
from promferry.core.sink import ABSENT, Blob, Entry
from promferry.plugins.sinks.prefix import key_prefix

_TEMPORARY: Final = "_tmp"
_CHUNK: Final = 1 << 20


@attrs.frozen
class LocalSettings:
    """Where the local sink writes."""

    folder: Path = var(
        "LOCAL_DIR", Path, accepts="the path of a folder",
        help="The folder that files are written below; it is made where it is missing.",
    )  # fmt: skip
    prefix: str = var(
        "S3_PREFIX", key_prefix, default="", shown_default="",
        accepts="a path such as k8s/prometheus",
        help="Folders between `LOCAL_DIR` and the cluster, so that the layout is that of a bucket.",
    )  # fmt: skip


class LocalSink:
    """Objects as files; a key is the path below the root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._temporary = root / _TEMPORARY
        self._sweep()

    def put(self, key: str, body: BinaryIO, *, if_version: str | None = None) -> None:
        """Write, flush and rename; the condition is checked under a lock on the folder."""
        path = self._path(key)
        with _said("write", path):
            self._make(path.parent)
            with self._spare() as (spare, file):
                shutil.copyfileobj(body, file, _CHUNK)
                file.flush()
                os.fsync(file.fileno())
                with _locked(path.parent) as folder:
                    if if_version is not None and _version(path) != if_version:
                        raise ConflictError(f"{path} was changed by another run")
                    spare.replace(path)
                    os.fsync(folder)

    def get(self, key: str) -> Blob | None:
        """Open the file."""
        path = self._path(key)
        with _said("read", path):
            try:
                version = _version(path)
                return Blob(path.open("rb"), version)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, folder: str) -> Iterable[Entry]:
        """Read one folder."""
        path = self._path(folder) if folder else self._root
        with _said("list", path):
            try:
                with os.scandir(path) as found:
                    entries = [_entry(each) for each in found if each.name != _TEMPORARY]
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted((each for each in entries if each), key=lambda each: each.name)

    def delete(self, key: str) -> None:
        """Remove the file, and the folders above it that are empty now."""
        path = self._path(key)
        with _said("delete", path):
            path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._root:
                break
            try:
                folder.rmdir()
            except OSError:
                break

    def locate(self, key: str) -> str:
        """Return the file's path."""
        return str(self._path(key)) if key else str(self._root)

    def close(self) -> None:
        """Remove what is left of temporary files, and their folder where it is empty."""
        self._sweep()

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise ConfigurationError(f"{key!r} is no key of the local sink")
        return self._root.joinpath(*parts)

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, each flushed to the disk with its parent."""
        if folder.is_dir():
            return
        if folder != folder.parent:
            self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush(folder.parent)

    @contextlib.contextmanager
    def _spare(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Give a locked temporary file; remove it unless it was renamed meanwhile."""
        spare = self._temporary / uuid4().hex
        while True:
            self._make(self._temporary)
            try:
                file = spare.open("xb")
            except FileNotFoundError:  # another run has just removed the empty folder
                continue
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                break
            file.close()  # another run has just swept it away, before it was locked
        with file:
            try:
                yield spare, file
            finally:
                spare.unlink(missing_ok=True)

    def _sweep(self) -> None:
        with contextlib.suppress(OSError):
            for path in self._temporary.iterdir():
                with contextlib.suppress(OSError), path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
            self._temporary.rmdir()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _version(path: Path) -> str:
    """Return what tells one content from another; `ABSENT` where there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ABSENT
    return f"{stat.st_ino}-{stat.st_mtime_ns}-{stat.st_size}"  # every put makes a new inode


def _entry(found: os.DirEntry[str]) -> Entry | None:
    try:
        if found.is_dir():
            return Entry(found.name, is_folder=True)
        stat = found.stat()
    except FileNotFoundError:
        return None
    return Entry(found.name, is_folder=False, size=stat.st_size, modified=stat.st_mtime)


@contextlib.contextmanager
def _said(doing: str, path: Path) -> Iterator[None]:
    """Turn the system's errors into lines that say what to do."""
    try:
        yield
    except PermissionError as error:
        raise ConfigurationError(
            f"can't {doing} {path}: {error.strerror}; give this user the right to, or set LOCAL_DIR"
        ) from error
    except OSError as error:
        if error.errno in (errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            reason = "a file is in the way" if error.errno == errno.EEXIST else error.strerror
            raise ConfigurationError(
                f"can't {doing} {path}: {reason}; set LOCAL_DIR to a writable folder"
            ) from error
        raise UnavailableError(f"can't {doing} {path}: {error.strerror or error}") from error


def _open(settings: LocalSettings, context: SinkContext) -> LocalSink:
    del context
    folder = settings.folder
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"LOCAL_DIR={str(folder)!r} is a file; accepted: a folder")
    return LocalSink(folder / settings.prefix if settings.prefix else folder)


@hookimpl
def promferry_sinks() -> list[SinkPlugin]:
    """Bring the sink `local`."""
    return [SinkPlugin("local", "files below a folder", LocalSettings, _open)]
