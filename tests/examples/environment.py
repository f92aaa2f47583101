"""A virtual environment of its own for a third party's package."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.documents import TOP
from tests.servers.s3 import plain_environ


@attrs.frozen
class Environment:
    """An environment that sees the promferry under test and what else is installed beside it.

    What is installed into it is in it alone.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Environment:
        """Make it."""
        venv.create(folder, symlinks=True)
        made = cls(folder)
        packages = made.read("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        ours = sysconfig.get_path("purelib")
        link = Path(packages.strip()) / "promferry-under-test.pth"
        link.write_text(f"import site; site.addsitedir({ours!r})\n", encoding="utf-8")
        return made

    def install(self, example: str) -> None:
        """Install a folder of `examples/` as its README says, dependencies and all."""
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet",
             "--disable-pip-version-check", "--no-build-isolation",
             str(TOP / "examples" / example)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    def read(self, *arguments: str) -> str:
        """Run the interpreter; return what it writes."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def promferry(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command with these variables and no others."""
        main = "from promferry.core.main import main; main()"
        return self.run("-c", main, *arguments, environ=environ)

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter, away from the checkout."""
        return subprocess.run(
            [str(self.python), *arguments], cwd=self.folder,
            env=plain_environ() | dict(environ or {}),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
