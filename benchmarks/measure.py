"""Running commands in turn and measuring each: wall time, CPU seconds, peak memory, bytes."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs


@attrs.frozen
class Cost:
    """Seconds of wall time and CPU, peak memory of the largest process in MB, MB written.

    `server` is the CPU time of Prometheus meanwhile, in seconds.
    """

    wall: float
    cpu: float
    memory: float
    written: float = 0.0
    server: float = 0.0


@attrs.frozen
class Contender:
    """A command, its environment, and the folder that it writes into.

    `prepare` makes room for it; `written` says how many bytes it wrote, where not into the folder.
    """

    name: str
    command: Sequence[str]
    into: Path
    environ: Mapping[str, str] = attrs.field(factory=dict)
    prepare: Callable[[], None] = lambda: None
    written: Callable[[], int] | None = None


def run(contender: Contender, server_cpu: Callable[[], float] = lambda: 0.0) -> Cost:
    """Run it once; a failure is an error with its last words."""
    contender.into.mkdir(parents=True, exist_ok=True)
    contender.prepare()
    before = server_cpu()
    log = contender.into.parent / "log"
    with log.open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            list(contender.command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], **contender.environ},
        )
        with _peak_of(process.pid) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{contender.name} failed: {log.read_text('utf-8')[-2000:]}")
    if contender.written is not None:
        written = contender.written()
    else:
        written = sum(path.stat().st_size for path in contender.into.rglob("*") if path.is_file())
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=max(peak.values(), default=0) / 1000,
        written=written / 1e6,
        server=server_cpu() - before,
    )


@contextmanager
def _peak_of(pid: int) -> Iterator[dict[int, int]]:
    """Watch a process and its children; give the peak memory of each, in kB.

    The kernel's own account (ru_maxrss) begins with the memory of the process that started it.
    """
    peaks: dict[int, int] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            todo = [pid]
            while todo:
                each = todo.pop()
                with suppress(OSError):
                    folder = Path(f"/proc/{each}")
                    for line in (folder / "status").read_text("ascii", "replace").splitlines():
                        if line.startswith("VmHWM:"):
                            peaks[each] = int(line.split()[1])
                    children = (folder / f"task/{each}/children").read_text("ascii")
                    todo += map(int, children.split())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def compare(
    contenders: Sequence[Contender],
    rounds: int,
    server_cpu: Callable[[], float] = lambda: 0.0,
) -> dict[str, Cost]:
    """Run each in turn, `rounds` times after one warm-up; return the medians."""
    found: dict[str, list[Cost]] = {each.name: [] for each in contenders}
    for number in range(rounds + 1):
        for each in contenders:
            cost = run(each, server_cpu)
            if number:
                found[each.name].append(cost)
    return {
        name: Cost(*(statistics.median(column) for column in zip(*map(attrs.astuple, costs),
                                                                  strict=True)))
        for name, costs in found.items()
    }  # fmt: skip


def table(costs: Mapping[str, Cost], base: str) -> str:
    """Return a Markdown table; ratios are of wall time, to that of `base`."""
    lines = [
        "| | wall s | ratio | CPU s | peak MB | written MB | Prometheus CPU s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, cost in costs.items():
        lines.append(
            f"| {name} | {cost.wall:.2f} | {cost.wall / costs[base].wall:.2f} | {cost.cpu:.2f}"
            f" | {cost.memory:.0f} | {cost.written:.1f} | {cost.server:.2f} |"
        )
    return "\n".join(lines)
