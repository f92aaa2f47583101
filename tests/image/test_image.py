"""The image under the restrictions that it is made for: they hold, and it works."""

from __future__ import annotations

import json
import socket

from tests.image.container import IMAGE, Container, podman

AS_PYTHON = ("--entrypoint=python",)


def inside(script: str, *options: str) -> str:
    """Run a Python script in a container and return what it printed."""
    with Container("-c", script, options=(*AS_PYTHON, *options)) as container:
        status = container.run()
        assert status == 0, container.log
        return container.log


def test_the_command_runs_restricted() -> None:
    with Container("--version") as container:
        assert (container.run(), container.log.split()[0]) == (0, "promferry")


def test_it_says_what_it_is_and_runs_as_a_number_that_is_not_root() -> None:
    config = json.loads(podman("image", "inspect", IMAGE))[0]["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["promferry"]
    assert config["Cmd"] == ["run"]
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items()}
    assert (labels["title"], labels["licenses"]) == ("promferry", "Apache-2.0")
    assert labels["version"]
    assert len(labels["revision"]) == 40


def test_what_the_pod_is_denied_is_denied_here() -> None:
    """These tests mean something: no capability, no new privilege, seccomp, 128 MiB."""
    script = (
        "import json, pathlib\n"
        "lines = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "found = dict(line.split(':', 1) for line in lines)\n"
        "limits = [pathlib.Path('/sys/fs/cgroup', name) for name in\n"
        "          ('memory/memory.limit_in_bytes', 'memory.max')]\n"
        "found['limit'] = next(file.read_text() for file in limits if file.exists())\n"
        "print(json.dumps({name: text.strip() for name, text in found.items()}))\n"
    )
    found = json.loads(inside(script))
    none = "0" * 16
    assert (found["CapEff"], found["CapPrm"], found["CapBnd"]) == (none, none, none)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert found["Uid"].split() == ["65532"] * 4
    assert int(found["limit"]) == 128 << 20


def test_only_tmp_is_writable() -> None:
    inside(
        "import os, pathlib\n"
        "pathlib.Path('/tmp/a').write_text('x')\n"
        "for folder in ('/', '/opt/promferry', '/var', '/var/tmp', '/run', '/dev/shm'):\n"
        "    try: pathlib.Path(folder, 'a').write_text('x')\n"
        "    except OSError: continue\n"
        "    raise SystemExit(folder)\n",
        "--tmpfs=/dev/shm:ro",
    )


def test_it_runs_under_any_user_that_a_platform_gives_it() -> None:
    """OpenShift gives each namespace its own numbers; no such user is in /etc/passwd."""
    with Container("metrics", options=["--user=1000710000:0"]) as container:
        assert container.run() == 0, container.log
        assert "cpu_requests" in container.log


def test_the_pods_own_name_counts_as_unset() -> None:
    """A container's `HOSTNAME` is its own name unless the manifest sets it."""
    environ = {"CLUSTER_NAME": "prod", "SINK": "local", "LOCAL_DIR": "/tmp"}
    command = ("run", "--dry-run", "--metric", "node_info")
    with Container(*command, environ=environ, options=["--hostname=promferry-x"]) as container:
        assert container.run() == 0, container.log
        assert "HOSTNAME is this machine's own name: it counts as unset" in container.log


def test_a_wrong_setting_ends_with_the_status_that_is_not_retried() -> None:
    with Container(environ={"CLUSTER_NAME": "a/b"}) as container:
        assert container.run() == 2, container.log
        assert "CLUSTER_NAME" in container.log
        assert "SINK" in container.log
        assert "Traceback" not in container.log


def test_sigterm_reaches_every_command() -> None:
    """Not only `run`: the kernel keeps from PID 1 what it has no handler for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        environ = {
            "CLUSTER_NAME": "prod", "S3_BUCKET": "bucket", "S3_PREFIX": "k8s",
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }  # fmt: skip
        with Container("status", environ=environ) as container:
            container.start()
            connection, _ = silent.accept()
            with connection:
                assert container.stop() == 143, container.log


def test_the_sdk_keeps_what_the_job_and_its_credentials_need() -> None:
    inside(
        "import boto3\n"
        "for service in ('s3', 'sts', 'sso', 'sso-oidc'):\n"
        "    boto3.client(service, region_name='eu-west-1')\n"
    )


def test_the_list_of_contents_names_every_installed_distribution() -> None:
    inside(
        "import importlib.metadata as m, json\n"
        "listed = json.load(open('/usr/share/sbom/promferry.cdx.json'))['components']\n"
        "names = {c['name'].lower() for c in listed}\n"
        "raise SystemExit(' '.join({d.name.lower() for d in m.distributions()} - names) or 0)\n",
        "--env=PYTHONPATH=",
    )
