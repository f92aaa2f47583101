"""Each hook from a third party's package, and what is said of packages that are broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers.nginx import Nginx
from tests.servers.prometheus import Prometheus
from tests.third_party import install, promferry

SINK = '''
    """A sink that loses everything, or fails where it is told to."""
    import attrs
    from promferry.core.environ import var
    from promferry.core.hooks import SinkPlugin, hookimpl
    from promferry.core.sink import Blob, Entry

    @attrs.frozen
    class Settings:
        fails: str = var("LOSING_FAILS", str, default="", accepts="a method", help="What fails.")

    class LosingSink:
        def __init__(self, fails):
            self._fails = fails
        def _fail(self, method):
            if method == self._fails:
                raise ValueError("out of cheese\\nredo from start")
        def put(self, key, body, *, if_version=None):
            self._fail("put")
            print("put", key)
        def get(self, key):
            self._fail("get")
        def list(self, folder):
            yield from ()
            self._fail("list")
        def delete(self, key):
            self._fail("delete")
        def locate(self, key):
            return f"lost:{key}"
        def close(self):
            self._fail("close")

    def open_sink(settings, context):
        if settings.fails == "open":
            raise RuntimeError("no cheese at all")
        return LosingSink(settings.fails)

    @hookimpl
    def promferry_sinks():
        return [SinkPlugin("losing", "loses everything", Settings, open_sink)]
'''

AUTH = '''
    """An auth method that sends a header."""
    import attrs
    from promferry.core.auth import Auth
    from promferry.core.environ import is_set, secret
    from promferry.core.hooks import AuthMethod, hookimpl

    @attrs.frozen
    class Settings:
        token: object = secret("SHIBBOLETH", required=True, help="The word.")

    def open_auth(settings, context):
        if settings.token.reveal() == "raise":
            raise RuntimeError("no word at all")
        def sign(request):
            request.headers["Authorization"] = "Bearer " + settings.token.reveal()
            return request
        return Auth("a word from SHIBBOLETH", http=sign)

    @hookimpl
    def promferry_auth_methods():
        return [AuthMethod("shibboleth", "a word", Settings, open_auth, ("SHIBBOLETH",),
                           ("authorization",), lambda environ: is_set(environ, "SHIBBOLETH"))]
'''

PACK = """
    from pathlib import Path
    from promferry.core.hooks import QueryPack, hookimpl

    @hookimpl
    def promferry_query_packs():
        return [QueryPack("mine", Path(__file__).parent / "queries")]
"""


@pytest.fixture
def environ(empty_prometheus: Prometheus, tmp_path: Path) -> dict[str, str]:
    """Give what a short run into files needs."""
    return {
        "HOSTNAME": "127.0.0.1", "PORT": str(empty_prometheus.port), "CLUSTER_NAME": "prod",
        "SINK": "local", "LOCAL_DIR": str(tmp_path / "export"), "METRICS": "cpu_requests",
        "BACKFILL_DAYS": "1", "QUERY_DELAY": "0",
    }  # fmt: skip


def test_promferry_sinks(tmp_path: Path, environ: dict[str, str]) -> None:
    """A run puts its objects and its state into a third party's sink."""
    install(tmp_path, "losing", "sink.losing", SINK)
    done = promferry("run", path=tmp_path, environ=environ | {"SINK": "losing"})
    assert "put prod/end=" in done.stdout, done.stderr
    assert "put prod/_state.json" in done.stdout
    assert "lost:prod/end=" in done.stderr


def test_promferry_auth_methods(
    tmp_path: Path, environ: dict[str, str], empty_prometheus: Prometheus
) -> None:
    """A third party's method is found by its variables and opens a door that is shut without."""
    install(tmp_path, "shibboleth", "auth.shibboleth", AUTH)
    guard = (
        'location / { if ($http_authorization != "Bearer ear-of-grain") { return 401; }'
        f" proxy_pass {empty_prometheus.url}; }}"
    )
    with Nginx(tmp_path / "nginx", guard) as gateway:
        environ["PORT"] = str(gateway.port)
        assert promferry("run", path=tmp_path, environ=environ).returncode == 2
        environ["SHIBBOLETH"] = "ear-of-grain"
        done = promferry("run", path=tmp_path, environ=environ)
    assert done.returncode == 0, done.stderr
    assert "ear-of-grain" not in done.stderr


def test_promferry_query_packs(tmp_path: Path) -> None:
    """A third party's metrics are in the catalogue beside ours."""
    install(tmp_path, "mine", "queries.mine", PACK)
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "mine.yaml").write_text(
        "name: mine_up\ndescription: What is up\nunit: '1'\nquery: max(up)\n", encoding="utf-8"
    )
    done = promferry("metrics", "show", "mine_up", path=tmp_path)
    assert done.stdout.strip() == "max(up)", done.stderr
    assert promferry("metrics", "show", "cpu_usage", path=tmp_path).returncode == 0


@pytest.mark.parametrize("method", ["put", "get", "close"])
def test_a_sink_that_raises_at_work_is_named(
    tmp_path: Path, environ: dict[str, str], method: str
) -> None:
    """With entry point, distribution, version, file, method, key and cause, in one line."""
    file = install(tmp_path, "losing", "sink.losing", SINK)
    environ |= {"SINK": "losing", "LOSING_FAILS": method}
    done = promferry("run", path=tmp_path, environ=environ)
    assert done.returncode == 1, done.stderr
    line = next(line for line in done.stderr.splitlines() if f"failed in {method}(" in line)
    assert f"sink 'losing' of plugin sink.losing (promferry-losing 1.2.3, {file})" in line
    assert "ValueError: out of cheese redo from start" in line
    assert "Traceback" not in done.stderr
    assert "temporary folder" not in done.stderr
    if method != "close":
        told = promferry("run", path=tmp_path, environ=environ | {"LOG_LEVEL": "DEBUG"}).stderr
        assert "Traceback" in told, "LOG_LEVEL=DEBUG must show the traceback that the line promises"


def test_a_sink_that_raises_in_a_listing_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    """Also where the listing is a generator that fails at its end."""
    install(tmp_path, "losing", "sink.losing", SINK)
    environ |= {"SINK": "losing", "LOSING_FAILS": "list"}
    done = promferry("prune", path=tmp_path, environ=environ)
    assert done.returncode == 1, done.stderr
    assert "promferry-losing 1.2.3" in done.stderr
    assert "failed in list('prod')" in done.stderr


@pytest.mark.parametrize(
    ("name", "entry", "source", "asks", "cause"),
    [
        ("losing", "sink.losing", SINK, {"SINK": "losing", "LOSING_FAILS": "open"},
         "RuntimeError: no cheese at all"),
        ("shibboleth", "auth.shibboleth", AUTH, {"SHIBBOLETH": "raise"},
         "RuntimeError: no word at all"),
        ("losing", "sink.losing", "raise OSError('at import')", {"SINK": "losing"},
         "OSError: at import"),
        ("losing", "sink.losing", SINK.replace("def promferry_sinks", "def promferry_sink"),
         {"SINK": "losing"}, "promferry_sink"),
        ("shibboleth", "auth.shibboleth", "import nothing_of_this_name", {"AUTH": "shibboleth"},
         "No module named 'nothing_of_this_name'"),
    ],
    ids=["sink-open", "auth-open", "sink-import", "sink-misspelt-hook", "auth-import"],
)  # fmt: skip
def test_a_plugin_that_was_asked_for_and_fails_stops_the_run_by_name(
    *, tmp_path: Path, environ: dict[str, str], name: str, entry: str, source: str,
    asks: dict[str, str], cause: str,
) -> None:  # fmt: skip
    """At import and at open: entry point, distribution, version, file and cause; status 2."""
    file = install(tmp_path, name, entry, source)
    done = promferry("run", path=tmp_path, environ=environ | asks)
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert f"{entry} (promferry-{name} 1.2.3, {file})" in last
    assert cause in last
    assert "Traceback" not in done.stderr


def test_a_broken_plugin_that_nobody_asked_for_stops_nothing(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """It is a warning in the run's log, and a line in `promferry plugins`."""
    file = install(tmp_path, "losing", "sink.losing", "raise OSError('at import')")
    assert promferry("run", path=tmp_path, environ=environ).returncode == 0
    listed = promferry("plugins", "--json", path=tmp_path)
    assert listed.returncode == 0
    found = json.loads(listed.stdout)["plugins"]
    (broken,) = (each for each in found if each["cause"])
    assert broken["distribution"] == "promferry-losing"
    assert broken["version"] == "1.2.3"
    assert broken["file"] == str(file)
    assert broken["cause"] == "OSError: at import"
