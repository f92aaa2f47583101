"""Manners: colours on a terminal only, NO_COLOR, errors on standard error, help that helps."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from promferry.core.main import COMMANDS
from tests.faults import proof
from tests.run.command import in_process, settings
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus

NOW = 1761955200.0


def on_a_terminal(*arguments: str, environ: dict[str, str]) -> str:
    """Run a command with standard output and error on a terminal; return what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.job", str(NOW), *arguments],
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env={"TERM": "xterm-256color", **environ}, cwd=proof.ROOT,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:  # the other end has closed
        pass
    os.close(ours)
    process.wait(60)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    said = in_process(command, "--help", moment=NOW, environ={})
    assert said.status == 0
    assert said.out.startswith(f"Usage: promferry {command}")


def test_help_has_examples_and_the_exit_statuses() -> None:
    said = in_process("--help", moment=NOW, environ={})
    assert all(command in said.out for command in COMMANDS)
    for status in ("0 ", "1 ", "2 ", "3 ", "130", "143"):
        assert f"\n    {status}" in said.out
    assert "\b" not in said.out
    assert "Examples:" in said.out
    assert "_PROMFERRY_COMPLETE=bash_source" in said.out


def test_the_completion_that_help_names_works() -> None:
    made = subprocess.run(
        [Path(sys.executable).parent / "promferry"], env={"_PROMFERRY_COMPLETE": "bash_source",
        "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "complete -o nosort -F" in made.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], ["metrics", "show"]])
def test_usage_errors_are_on_standard_error(arguments: list[str]) -> None:
    said = in_process(*arguments, moment=NOW, environ={})
    assert (said.status, said.out) == (2, "")
    assert said.err


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    environ = settings(free_port(), tmp_path / "out", METRICS="pod_info")
    assert "\x1b[" in on_a_terminal("check", environ=environ)
    assert "\x1b[" not in on_a_terminal("check", environ={**environ, "NO_COLOR": "1"})
    assert "\x1b[" not in in_process("check", moment=NOW, environ=environ).text


def test_a_run_on_a_terminal_shows_what_is_done_and_left(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    environ = settings(cluster_prometheus.port, tmp_path / "out", METRICS="pod_info,cpu_usage")
    shown = on_a_terminal("run", environ={**environ, "BACKFILL_DAYS": "1", "COLUMNS": "160"})
    assert "/48" in shown
    assert "left" in shown
    assert "nothing is missing" in shown
