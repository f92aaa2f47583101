"""Our own sinks keep every promise of the test kit, as a third party's would."""

from __future__ import annotations

from pathlib import Path

import pytest

from promferry.core.environ import read
from promferry.core.hooks import SinkContext
from promferry.core.plugins import Plugins
from promferry.core.sink import Sink
from promferry.core.testing import MakeSink, SinkPromises
from tests.servers.s3 import Ministack, Moto

PREFIX = "k8s/prometheus"


def opener(name: str, environ: dict[str, str]) -> MakeSink:
    """Return what opens a sink as a run does: by its plugin and from its variables."""
    plugin = Plugins().sink(name, f"SINK={name}")
    settings: object = read(plugin.settings, environ)

    def make() -> Sink:
        sink: Sink = plugin.open(settings, SinkContext("prod"))
        return sink

    return make


class TestLocal(SinkPromises):
    """The sink `local`, on a folder."""

    @pytest.fixture
    def make_sink(self, tmp_path: Path) -> MakeSink:
        return opener("local", {"LOCAL_DIR": str(tmp_path / "export")})


class TestLocalBelowAPrefix(SinkPromises):
    """The sink `local` with folders in between."""

    entries_of_a_folder = 10

    @pytest.fixture
    def make_sink(self, tmp_path: Path) -> MakeSink:
        return opener("local", {"LOCAL_DIR": str(tmp_path / "export"), "S3_PREFIX": PREFIX})


class TestS3(SinkPromises):
    """The sink `s3`, on the server that other tests use too."""

    entries_of_a_folder = 10
    writers = 4

    @pytest.fixture
    def make_sink(self, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> MakeSink:
        for name, value in moto.root.environ(moto.url).items():
            monkeypatch.setenv(name, value)
        return opener("s3", {"S3_BUCKET": moto.make_bucket(), "S3_PREFIX": PREFIX})


class TestS3UnderTheWritersPolicy(SinkPromises):
    """The sink `s3`, with no right but those of the policy, each enforced."""

    writers = 4

    @pytest.fixture
    def make_sink(self, ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> MakeSink:
        bucket = ministack.make_bucket()
        writer = ministack.make_writer(bucket, PREFIX)
        for name, value in writer.environ(ministack.url).items():
            monkeypatch.setenv(name, value)
        return opener("s3", {"S3_BUCKET": bucket, "S3_PREFIX": PREFIX})
