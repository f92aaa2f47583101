"""Secrets in files: replaced while a run goes on, and written in the ways that files are."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from promferry.core.errors import ConfigurationError
from promferry.core.secret import Secret
from tests.run.command import Said, in_process, objects, settings
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Answer, Relay, Request, header, send

DAY = 1761868800  # 2025-10-31T00:00:00Z
WINDOWS = 24
NAME = "PROMETHEUS_BEARER_AUTH_TOKEN"


class Rotating(Relay):
    """Wants the bearer token of the moment; replaces it, and the file it is in, as time goes by.

    After every third request there is another token, and the one before is good no more.
    """

    def __init__(self, upstream: str, mount: Path) -> None:
        super().__init__(upstream)
        self.mount = mount
        self.tokens: list[str] = []
        self.refused = 0
        self.rotate()

    @property
    def file(self) -> Path:
        """The token's file, as Kubernetes mounts it: a link through a link that is replaced."""
        return self.mount / "token"

    def rotate(self) -> None:
        """Replace the token as the kubelet does: a new folder, and one rename."""
        self.tokens.append(f"token-number-{len(self.tokens)}-of-many")
        folder = self.mount / f"..data-{len(self.tokens)}"
        folder.mkdir(parents=True)
        (folder / "token").write_text(self.tokens[-1] + "\n", encoding="utf-8")
        link = self.mount / "..data_tmp"
        link.symlink_to(folder.name)
        link.replace(self.mount / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/token")

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Pass on what has the token of the moment."""
        if header(request.headers, "authorization") == f"Bearer {self.tokens[-1]}":
            answer = self.forward(request)
        else:
            self.refused += 1
            answer = Answer(401, "Unauthorized", [("Content-Type", "text/plain")], b"old token\n")
        if len(self.seen) % 3 == 0:
            self.rotate()
        send(connection, answer, request)
        return True


def test_a_token_file_replaced_in_the_middle_of_a_run_fails_no_request(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """Eight tokens in one run, each refused once the next is there."""
    with Rotating(cluster_prometheus.url, tmp_path / "secret") as server:
        environ = settings(
            server.port, tmp_path / "out", METRICS="node_info", BACKFILL_DAYS="1",
            PROMETHEUS_BEARER_AUTH_TOKEN_FILE=str(server.file),
        )  # fmt: skip
        said = in_process("run", moment=DAY + 86400, environ=environ)
    assert said.status == 0, said.err
    assert server.refused == 0
    assert len(server.seen) >= WINDOWS
    assert len(server.tokens) > WINDOWS // 3
    assert len(objects(tmp_path / "out")) == WINDOWS
    assert not any(token in said.text for token in server.tokens)


def test_a_token_file_that_goes_away_in_the_middle_of_a_run_is_named(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """What was exported until then is kept."""
    file = tmp_path / "token"
    file.write_text("soon gone", encoding="utf-8")

    class Removing(Relay):
        def handle(self, connection: socket.socket, request: Request) -> bool:
            if len(self.seen) == 5:
                file.unlink()
            return super().handle(connection, request)

    with Removing(cluster_prometheus.url) as server:
        environ = settings(
            server.port, tmp_path / "out", METRICS="node_info", BACKFILL_DAYS="1",
            PROMETHEUS_BEARER_AUTH_TOKEN_FILE=str(file),
        )  # fmt: skip
        said = in_process("run", moment=DAY + 86400, environ=environ)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "PROMETHEUS_BEARER_AUTH_TOKEN_FILE: can't read the file" in line
    assert "No such file" in line
    assert len(objects(tmp_path / "out")) == 5


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"], ids=repr)
def test_new_lines_at_the_end_are_taken_off(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"the-token" + ending.encode())
    assert Secret(NAME, file=file).reveal() == "the-token"
    assert Secret(NAME, value="the-token" + ending).reveal() == "the-token"


BROKEN = {
    "a new line inside": b"hunter2\nhunter3",
    "a carriage return inside": b"hunter2\rhunter3\n",
    "a header of its own": b"hunter2\r\nX-Admin: yes",
    "a tab": b"hunter2\thunter3",
    "a zero byte": b"hunter2\x00",
    "an escape": b"hunter2\x1b[0m",
    "a delete": b"hunter2\x7f",
    "nothing": b"",
    "only a new line": b"\n",
    "Latin-1": "hunter2 wörd".encode("latin-1"),
    "UTF-16": "hunter2".encode("utf-16"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("given", ["value", "file"])
def test_a_secret_that_fits_no_header_is_an_error_that_does_not_show_it(
    tmp_path: Path, text: bytes, given: str
) -> None:
    file = tmp_path / "token"
    file.write_bytes(text)
    secret = (
        Secret(f"{NAME}_FILE", file=file)
        if given == "file"
        else Secret(NAME, value=text.decode("utf-8", "surrogateescape"))
    )
    with pytest.raises(ConfigurationError, match=f"^{NAME}") as caught:
        secret.reveal()
    assert "hunter" not in str(caught.value)
    assert "wörd" not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    [NAME, "PROMETHEUS_AUTH_TOKEN", "PROMETHEUS_PASSWORD", "PROMETHEUS_X_SCOPE_ORGID",
     "ROLE_EXTERNAL_ID"],
)  # fmt: skip
@pytest.mark.parametrize("given", ["value", "file"])
def test_a_broken_secret_ends_the_run_before_anything_is_sent(
    tmp_path: Path, given: str, variable: str
) -> None:
    """Together with all other problems, in one line that names its variable; status 2."""
    environ = settings(1, tmp_path / "out", SETTLE="soon", LOG_LEVEL="DEBUG")
    if variable == "PROMETHEUS_PASSWORD":
        environ["PROMETHEUS_USERNAME"] = "user"
    environ["ROLE_ARN"] = "arn:aws:iam::123456789012:role/promferry"
    if given == "file":
        (tmp_path / "secret").write_bytes(b"hunter2\nhunter3")
        environ[f"{variable}_FILE"] = str(tmp_path / "secret")
    else:
        environ[variable] = "hunter2\nhunter3"
    said = in_process("run", moment=DAY, environ=environ)
    assert said.status == 2
    (line,) = (line for line in said.error_lines() if variable in line)
    assert "has a control character in it" in line
    assert any("SETTLE='soon'" in line for line in said.error_lines())
    assert "hunter" not in said.text
    assert "Traceback" not in said.text


def test_a_value_and_a_file_for_the_same_secret_are_refused(tmp_path: Path) -> None:
    """Neither silently wins."""
    said = refused(tmp_path, **{NAME: "hunter2", f"{NAME}_FILE": os.devnull})
    assert f"{NAME} and {NAME}_FILE are both set" in said.err


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "secret"
    if kind == "folder":
        path.mkdir()
    said = refused(tmp_path, **{f"{NAME}_FILE": str(path)})
    assert f"{NAME}_FILE: can't read the file it names, {str(path)!r}: " in said.err


def refused(folder: Path, **variables: str) -> Said:
    """Run with these settings, which must be refused."""
    environ = settings(1, folder / "out", **variables)
    said = in_process("run", moment=DAY, environ=environ)
    assert said.status == 2
    assert "hunter2" not in said.text
    return said


def test_a_secret_shows_itself_nowhere(tmp_path: Path) -> None:
    """Neither as itself nor inside of what holds it nor in an error about it."""
    file = tmp_path / "token"
    file.write_text("hunter2", encoding="utf-8")
    for secret in (Secret(NAME, value="hunter2"), Secret(f"{NAME}_FILE", file=file)):
        assert secret.reveal() == "hunter2"
        for text in (repr(secret), str(secret), f"{secret}", repr([secret]), repr(vars)):
            assert "hunter2" not in text
    file.write_text("hunter2\x00", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        Secret(f"{NAME}_FILE", file=file).reveal()
    assert "hunter2" not in repr(caught.value)
