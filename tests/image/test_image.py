"""The image under the restrictions that it is made for."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

IMAGE = os.environ.get("PROMFERRY_IMAGE", "")
pytestmark = pytest.mark.skipif(not IMAGE, reason="`make test-image` builds the image and says so")
RESTRICTED = (
    "--rm", "--network=host", "--read-only", "--read-only-tmpfs=false",
    "--tmpfs=/tmp:size=64m,mode=1777", "--cap-drop=all", "--security-opt=no-new-privileges",
    "--memory=128m",
)  # fmt: skip


def inside(*arguments: str, entrypoint: str = "") -> subprocess.CompletedProcess[str]:
    other = [f"--entrypoint={entrypoint}"] if entrypoint else []
    return subprocess.run(
        ["podman", "run", *RESTRICTED, *other, IMAGE, *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_command_runs_restricted() -> None:
    done = inside("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "promferry"), done.stderr


def test_it_runs_as_a_numeric_user_who_is_not_root() -> None:
    found = subprocess.run(
        ["podman", "image", "inspect", IMAGE], capture_output=True, text=True, check=True
    )
    config = json.loads(found.stdout)[0]["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["promferry"]
    assert config["Cmd"] == ["run"]
    assert config["Labels"]["org.opencontainers.image.title"] == "promferry"


def test_only_tmp_is_writable() -> None:
    script = (
        "import pathlib\n"
        "pathlib.Path('/tmp/a').write_text('x')\n"
        "for folder in ('/', '/opt/promferry', '/var'):\n"
        "    try: pathlib.Path(folder, 'a').write_text('x')\n"
        "    except OSError: continue\n"
        "    raise SystemExit(folder)\n"
    )
    done = inside("-c", script, entrypoint="python")
    assert done.returncode == 0, done.stderr


def test_the_sdk_keeps_what_the_job_and_its_credentials_need() -> None:
    script = (
        "import boto3\n"
        "for service in ('s3', 'sts', 'sso', 'sso-oidc'):\n"
        "    boto3.client(service, region_name='eu-west-1')\n"
    )
    done = inside("-c", script, entrypoint="python")
    assert done.returncode == 0, done.stderr


def test_the_list_of_contents_names_every_installed_distribution() -> None:
    script = (
        "import importlib.metadata as m, json\n"
        "listed = json.load(open('/usr/share/sbom/promferry.cdx.json'))['components']\n"
        "names = {c['name'].lower() for c in listed}\n"
        "raise SystemExit(' '.join({d.name.lower() for d in m.distributions()} - names) or 0)\n"
    )
    done = inside("-c", script, entrypoint="python")
    assert done.returncode == 0, done.stderr
