"""One container of the image, under what a restricted pod is allowed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

IMAGE = os.environ.get("PROMFERRY_IMAGE", "")
RESTRICTED = (
    "--network=host", "--read-only", "--read-only-tmpfs=false",
    "--tmpfs=/tmp:size=64m,mode=1777", "--cap-drop=all", "--security-opt=no-new-privileges",
)  # fmt: skip
"""The pod's securityContext and its /tmp; the servers of the tests are on the loopback device."""


def podman(*arguments: str, folder: str | None = None) -> str:
    """Run podman, in a folder, and return what it printed; that it fails is an error."""
    done = subprocess.run(
        ["podman", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
        cwd=folder,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"podman {arguments[0]}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


class Container:
    """A container that has been made; started and stopped by hand, removed at the end."""

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        memory: str = "128m",
    ) -> None:
        # The container's monitor leaves a file where it was started when memory runs out.
        self._folder = tempfile.TemporaryDirectory()
        self.name = f"promferry-test-{uuid.uuid4().hex[:12]}"
        variables = [f"--env={name}={value}" for name, value in (environ or {}).items()]
        podman(
            "create", f"--name={self.name}", *RESTRICTED, f"--memory={memory}",
            f"--memory-swap={memory}", *variables, *options, IMAGE, *arguments,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, again too; it runs by itself."""
        podman("start", self.name, folder=self._folder.name)

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return int(podman("wait", self.name))

    def run(self) -> int:
        """Start it, wait for its end and return its exit status."""
        self.start()
        return self.wait()

    def stop(self, grace: int = 30) -> int:
        """Send SIGTERM, after `grace` seconds SIGKILL, and return the exit status."""
        podman("stop", f"--time={grace}", self.name)
        return self.wait()

    @property
    def log(self) -> str:
        """What it wrote since it was made, both streams."""
        done = subprocess.run(
            ["podman", "logs", self.name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    @property
    def state(self) -> Any:
        """What podman knows of it: Running, ExitCode."""
        return json.loads(podman("inspect", self.name))[0]["State"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        podman("rm", "--force", "--time=0", self.name)
        self._folder.cleanup()
