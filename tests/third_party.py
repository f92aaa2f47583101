"""Packages of third parties, as an installer leaves them: a module and its metadata in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from tests.servers.s3 import plain_environ


def install(folder: Path, name: str, entry: str, source: str, *, version: str = "1.2.3") -> Path:
    """Put the distribution `promferry-<name>` into `folder`; return the file of its module."""
    module = f"promferry_{name}"
    file = folder / f"{module}.py"
    file.write_text(dedent(source), encoding="utf-8")
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: promferry-{name}\nVersion: {version}\n", encoding="utf-8"
    )
    (metadata / "entry_points.txt").write_text(
        f"[promferry]\n{entry} = {module}\n", encoding="utf-8"
    )
    return file


def promferry(
    *arguments: str, path: Path | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command with the packages in `path` installed, and no variable but those given."""
    found = plain_environ() | dict(environ or {})
    if path is not None:
        found["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(path), found.get("PYTHONPATH", "")))
        )
    command = Path(sys.executable).with_name("promferry")
    return subprocess.run(
        [str(command), *arguments], env=found, capture_output=True, text=True, check=False,
        timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
