"""TLS: whom we believe, who believes us, and what is said where that fails."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.certificates import Authority, Pair
from tests.auth.test_prometheus_guarded import FEW, MOMENT, RIGHT, run
from tests.run.command import in_process, objects, settings
from tests.servers.nginx import Nginx
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Relay, Request

WARNING = "PROMETHEUS_INSECURE_SKIP_VERIFY is set: whoever answers for"


def fronted(folder: Path, upstream: Prometheus, pair: Pair, more: str = "") -> Nginx:
    """Make nginx with this certificate before Prometheus."""
    server = f"{more} location / {{ proxy_pass {upstream.url}; }}"
    return Nginx(folder / "nginx", server, tls=pair)


def job(port: int, folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a job that speaks TLS."""
    given = {**FEW, "HOSTNAME": "localhost", "SCHEME": "https", **more}
    return settings(port, folder / "out", **given)


def failed(environ: dict[str, str], folder: Path, status: int = 2) -> str:
    """Run a job that must fail, and return its line."""
    said = run(environ=environ | RIGHT["bearer"], folder=folder)
    assert said.status == status, said.err
    assert "Traceback" not in said.err
    (line,) = said.error_lines()
    return line


@pytest.fixture
def server(cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path) -> Iterator[Nginx]:
    """Give a server whose certificate is for localhost and 127.0.0.1."""
    pair = authority.issue("server", ["localhost", "127.0.0.1"])
    with fronted(tmp_path, cluster_prometheus, pair) as front:
        yield front


def test_a_private_authority_is_believed_where_it_is_named(
    server: Nginx, authority: Authority, tmp_path: Path
) -> None:
    """By name and by address; nothing is warned of."""
    for host in ("localhost", "127.0.0.1"):
        environ = job(server.port, tmp_path / host, PROMETHEUS_CA_FILE=str(authority.file))
        said = run(environ=environ | {"HOSTNAME": host}, folder=tmp_path)
        assert said.status == 0, said.err
        assert objects(tmp_path / host / "out")
        assert "WARNING" not in said.err


def test_an_authority_that_is_not_named_is_not_believed(server: Nginx, tmp_path: Path) -> None:
    line = failed(job(server.port, tmp_path), tmp_path)
    assert f"the certificate of localhost:{server.port} is not trusted" in line
    assert "set PROMETHEUS_CA_FILE" in line


def test_another_authority_is_not_believed(server: Nginx, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "other")
    line = failed(job(server.port, tmp_path, PROMETHEUS_CA_FILE=str(other.file)), tmp_path)
    assert "is not trusted" in line


def test_the_environment_does_not_overrule_what_was_set(
    server: Nginx, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE counts where no PROMETHEUS_ variable says otherwise, as documented."""
    other = Authority(tmp_path / "other", "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.file))
    for more in ({"PROMETHEUS_CA_FILE": str(authority.file)},
                 {"PROMETHEUS_INSECURE_SKIP_VERIFY": "true"}):  # fmt: skip
        environ = job(server.port, tmp_path, **more)
        assert run(environ=environ, folder=tmp_path).status == 0
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    assert run(environ=job(server.port, tmp_path), folder=tmp_path).status == 0


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["prometheus.monitoring.svc", "*.example.com", "10.1.2.3", "fd00::7"],
         "has prometheus.monitoring.svc, *.example.com, 10.1.2.3, fd00::7; set HOSTNAME"),
        ([], "has no name but the common name 'misnamed', which does not count; set HOSTNAME"),
    ],
)  # fmt: skip
def test_a_certificate_for_another_name_says_which_it_has(
    cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path, names: list[str],
    told: str,
) -> None:  # fmt: skip
    pair = authority.issue("misnamed", names)
    with fronted(tmp_path, cluster_prometheus, pair) as front:
        for host in ("localhost", "127.0.0.1"):
            ca = str(authority.file)
            environ = job(front.port, tmp_path, PROMETHEUS_CA_FILE=ca, HOSTNAME=host)
            line = failed(environ, tmp_path)
            told_of = f"the certificate of {host}:{front.port} is not for {host!r} but {told}"
            assert told_of in line


def test_a_certificate_that_has_expired_is_told_as_such(
    cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path
) -> None:
    """Another authority would not help."""
    pair = authority.issue("expired", ["localhost"], days=-1)
    with fronted(tmp_path, cluster_prometheus, pair) as front:
        environ = job(front.port, tmp_path, PROMETHEUS_CA_FILE=str(authority.file))
        line = failed(environ, tmp_path)
    assert "certificate has expired; renew it" in line


def test_each_run_that_skips_verification_warns_once(server: Nginx, tmp_path: Path) -> None:
    for _ in range(2):
        environ = job(server.port, tmp_path, PROMETHEUS_INSECURE_SKIP_VERIFY="true")
        said = run("run", "--from", "2025-10-31", environ=environ, folder=tmp_path)
        assert said.status == 0, said.err
        (warning,) = said.lines_of("WARNING")
        assert f"{WARNING} localhost" in warning


def test_skipping_is_nothing_to_warn_of_without_tls(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    environ = job(
        cluster_prometheus.port, tmp_path, SCHEME="http", PROMETHEUS_INSECURE_SKIP_VERIFY="true"
    )
    assert WARNING not in run(environ=environ, folder=tmp_path).err


class Tunnel(Relay):
    """Ends TLS and demands a client certificate; replaces the client's files as time goes by.

    Each connection's certificate is noted in `names`; `renew` is called after the third request.
    """

    def __init__(self, upstream: str, authority: Authority, pair: Pair) -> None:
        super().__init__(upstream)
        self.names: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair)
        self._context.load_verify_locations(authority.file)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self.renew: Callable[[], None] = lambda: None

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            try:
                wrapped = self._context.wrap_socket(connection, server_side=True)
            except OSError:
                return
        subject: Any = (wrapped.getpeercert() or {})["subject"]
        self.names.append(dict(subject[0])["commonName"])
        super()._converse(wrapped)

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Pass on; after the third request the client's certificate is another one."""
        goes_on = super().handle(connection, request)
        if len(self.seen) == 3:
            self.renew()
        return goes_on


def replace(pair: Pair, folder: Path) -> None:
    """Put a certificate and its key where the client looks for them."""
    for source, name in zip(pair, ("tls.crt", "tls.key"), strict=True):
        shutil.copy(source, folder / f"{name}.new")
        (folder / f"{name}.new").replace(folder / name)


def test_a_client_certificate_is_shown_and_picked_up_again_when_it_changes(
    cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path
) -> None:
    """In the middle of a run: the connections after the change show the new one."""
    first, second = authority.issue("client-one"), authority.issue("client-two")
    replace(first, tmp_path)
    pair = authority.issue("mutual", ["localhost"])
    with Tunnel(cluster_prometheus.url, authority, pair) as tunnel:
        tunnel.renew = lambda: replace(second, tmp_path)
        environ = job(
            tunnel.port, tmp_path, METRICS="node_info", TIME_FRAME="3600", BACKFILL_DAYS="1",
            PROMETHEUS_CA_FILE=str(authority.file),
            PROMETHEUS_CLIENT_CERT_FILE=str(tmp_path / "tls.crt"),
            PROMETHEUS_CLIENT_KEY_FILE=str(tmp_path / "tls.key"),
        )  # fmt: skip
        said = in_process("run", moment=MOMENT, environ=environ)
    assert said.status == 0, said.err
    assert len(objects(tmp_path / "out")) > 10
    assert tunnel.names == ["client-one", "client-two"]


def test_certificate_and_key_may_be_one_file(
    cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("both")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    pair = authority.issue("mutual", ["localhost"])
    with Tunnel(cluster_prometheus.url, authority, pair) as tunnel:
        environ = job(
            tunnel.port, tmp_path, PROMETHEUS_CA_FILE=str(authority.file),
            PROMETHEUS_CLIENT_CERT_FILE=str(both),
        )  # fmt: skip
        assert run(environ=environ, folder=tmp_path).status == 0
    assert tunnel.names == ["both"]


@pytest.mark.parametrize("given", ["nothing", "a stranger's"])
@pytest.mark.parametrize("kind", ["nginx", "Prometheus"])
def test_without_the_right_client_certificate_it_says_so(
    cluster_prometheus: Prometheus, authority: Authority, tmp_path: Path, kind: str, given: str
) -> None:
    """By nginx it is told in HTTP, by Prometheus itself in TLS: in one line, status 2."""
    pair = authority.issue("mutual", ["localhost"])
    more = {"PROMETHEUS_CA_FILE": str(authority.file)}
    if given != "nothing":
        cert, key = Authority(tmp_path / "other", "other").issue("stranger")
        more |= {"PROMETHEUS_CLIENT_CERT_FILE": str(cert), "PROMETHEUS_CLIENT_KEY_FILE": str(key)}
    wants = f"ssl_verify_client on; ssl_client_certificate {authority.file};"
    config = (
        f"tls_server_config: {{cert_file: {pair[0]}, key_file: {pair[1]},"
        f" client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.file}}}\n"
    )
    server = (
        fronted(tmp_path, cluster_prometheus, pair, wants)
        if kind == "nginx"
        else Prometheus(tmp_path / "prometheus", web_config=config)
    )
    with server:
        line = failed(job(server.port, tmp_path, **more), tmp_path)
    refuses = given != "nothing" and kind == "Prometheus"
    assert ("refuses the certificate in" if refuses else "wants a client certificate") in line
    assert "set PROMETHEUS_CLIENT_CERT_FILE and PROMETHEUS_CLIENT_KEY_FILE" in line


def test_the_key_of_another_certificate_is_told_as_such(
    server: Nginx, authority: Authority, tmp_path: Path
) -> None:
    cert, _ = authority.issue("one")
    _, key = authority.issue("two")
    more = {"PROMETHEUS_CLIENT_CERT_FILE": str(cert), "PROMETHEUS_CLIENT_KEY_FILE": str(key)}
    line = failed(
        job(server.port, tmp_path, PROMETHEUS_CA_FILE=str(authority.file), **more), tmp_path
    )
    assert f"{str(key)!r} does not hold the key of the certificate in {str(cert)!r}" in line


@pytest.mark.parametrize("variable", ["CA_FILE", "CLIENT_CERT_FILE", "CLIENT_KEY_FILE"])
@pytest.mark.parametrize("kind", ["missing", "not PEM"])
def test_a_file_that_is_no_certificate_is_named(
    server: Nginx, authority: Authority, tmp_path: Path, variable: str, kind: str
) -> None:
    cert, key = authority.issue("client")
    more = {
        "PROMETHEUS_CA_FILE": str(authority.file),
        "PROMETHEUS_CLIENT_CERT_FILE": str(cert),
        "PROMETHEUS_CLIENT_KEY_FILE": str(key),
    }
    broken = tmp_path / "broken.pem"
    if kind == "not PEM":
        broken.write_text("no certificate", encoding="utf-8")
    more[f"PROMETHEUS_{variable}"] = str(broken)
    line = failed(job(server.port, tmp_path, **more), tmp_path)
    assert f"PROMETHEUS_{variable}" in line
    assert str(broken) in line or kind == "not PEM"


def test_a_key_without_a_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    _, key = authority.issue("client")
    line = failed(job(1, tmp_path, PROMETHEUS_CLIENT_KEY_FILE=str(key)), tmp_path)
    assert "PROMETHEUS_CLIENT_KEY_FILE is set without PROMETHEUS_CLIENT_CERT_FILE" in line


def test_https_to_a_server_that_speaks_http_says_which_setting_to_change(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    line = failed(job(cluster_prometheus.port, tmp_path), tmp_path)
    assert "does not speak TLS; set SCHEME=http" in line


@pytest.mark.parametrize("kind", ["nginx", "Prometheus"])
def test_http_to_a_server_that_speaks_https_says_which_setting_to_change(
    server: Nginx, guarded: Prometheus, tmp_path: Path, kind: str
) -> None:
    port = server.port if kind == "nginx" else guarded.port
    line = failed(job(port, tmp_path, SCHEME="http"), tmp_path)
    assert "wants TLS (HTTP 400: " in line
    assert "set SCHEME=https" in line
