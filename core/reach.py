"""Opening the sink for commands that need nothing of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .authentication import choose
from .environ import read
from .place import choose_sink
from .plugins import Plugins
from .settings import JobSettings, PluginSettings, ServerSettings
from .sink import Sink


@contextmanager
def open_sink(environ: Mapping[str, str]) -> Iterator[Sink]:
    """Open the sink that the settings choose, with the AWS credentials that they choose."""
    plugins = Plugins()
    setting = read(PluginSettings, environ)
    job = read(JobSettings, environ)
    chosen = choose_sink(plugins, setting, environ)
    url = read(ServerSettings, environ).url
    authentication = choose(plugins, setting, environ).open(cluster=job.cluster, url=url)
    sink = chosen.open(job.cluster, authentication.aws)
    try:
        yield sink
    finally:
        sink.close()
