"""promferry as a person runs it: a process with an environment, at a moment that the test sets."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import attrs

from promferry.core.clock import Clock
from promferry.core.main import run
from promferry.core.setup import Setup
from tests.faults import proof
from tests.faults.job import FixedClock

Labels = tuple[tuple[str, str], ...]


@attrs.frozen
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def lines_of(self, severity: str) -> list[str]:
        """Return the log lines of a level."""
        return [line for line in self.err.splitlines() if f" {severity} " in line]

    def error_lines(self) -> list[str]:
        """Return the lines that an error is told in, those of the log left out."""
        return [line for line in self.err.splitlines() if line.startswith("promferry: ")]


def promferry(*arguments: str, moment: float, environ: Mapping[str, str]) -> Said:
    """Run a command to its end."""
    process = proof.start(moment, environ, *arguments)
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Said(process.returncode, out, err)


def in_process(
    *arguments: str, moment: float, environ: Mapping[str, str], clock: Clock | None = None
) -> Said:
    """Run a command without a process of its own, which is faster; no signal can reach it.

    With a `clock` it is that clock's time, else the moment.
    """
    out, err = io.StringIO(), io.StringIO()
    handlers = logging.getLogger().handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", "promferry")}
    with redirect_stdout(out), redirect_stderr(err):
        status = run(arguments, Setup(environ, clock or FixedClock(moment)))
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    return Said(status, out.getvalue(), err.getvalue())


def settings(port: int, folder: Path | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a job beside the Prometheus on that port, into that folder."""
    found = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(proof.ROOT),
        "CLUSTER_NAME": "prod",
        "HOSTNAME": "127.0.0.1",
        "PORT": str(port),
        "QUERY_DELAY": "0",
    }
    if folder is not None:
        found |= {"SINK": "local", "LOCAL_DIR": str(folder)}
    found |= more
    return {name: value for name, value in found.items() if value}


def objects(folder: Path) -> dict[str, bytes]:
    """Return the exported objects below a folder, key and lines; state and foreign files not."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        for path in sorted(folder.rglob("*.json.gz"))
    }


def records(body: bytes) -> Iterator[tuple[Labels, list[list[Any]]]]:
    """Yield labels and samples of each line."""
    for line in body.splitlines():
        record = json.loads(line)
        yield tuple(sorted(record["metric"].items())), record["values"]


def as_series(answer: list[dict[str, Any]]) -> dict[Labels, list[list[Any]]]:
    """Return an API's answer by labels."""
    return {tuple(sorted(one["metric"].items())): one["values"] for one in answer}


def state(folder: Path) -> Any:
    """Return the state below a cluster's folder."""
    return json.loads((folder / "_state.json").read_bytes())
