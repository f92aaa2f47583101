"""Delete the AWS SDK's descriptions of services that promferry does not call.

botocore reads a service's description from a folder of its name when a client for it is made; it
carries some 400 of them, most of the size of the whole installation. Arguments: the services to
keep, or `all`. A plugin that calls another AWS service needs an image built with that service.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path


def prune(package: str, keep: set[str]) -> tuple[int, int]:
    """Delete the other services' folders of one package; return (folders, bytes) deleted."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    folders = bytes_ = 0
    for folder in sorted((Path(spec.origin).parent / "data").iterdir()):
        if folder.is_dir() and folder.name not in keep:
            bytes_ += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            shutil.rmtree(folder)
            folders += 1
    return folders, bytes_


def main(services: list[str]) -> None:
    """Prune both halves of the SDK and say what went."""
    if not services or "all" in services:
        return
    for package in ("botocore", "boto3"):
        folders, bytes_ = prune(package, set(services))
        sys.stdout.write(f"{package}: {folders} services deleted, {bytes_ / 1e6:.1f} MB\n")


main(sys.argv[1:])
