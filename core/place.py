"""Choosing the sink, and reading its settings together with all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .auth import AwsSession
from .environ import is_set, read
from .errors import ConfigurationError
from .hooks import SinkContext, SinkPlugin
from .named_sink import NamedSink
from .plugins import Plugins, guarded
from .settings import PluginSettings
from .sink import Sink


@attrs.frozen
class ChosenSink:
    """A kind of sink and its settings, checked but not opened."""

    plugin: SinkPlugin
    settings: Any
    label: str

    def open(self, cluster: str, aws: AwsSession | None) -> Sink:
        """Open the sink; an error of the plugin's own names it, now and at every later call."""
        context = SinkContext(cluster, aws)
        sink: Sink = guarded(self.label, lambda: self.plugin.open(self.settings, context))
        return NamedSink(sink, self.label)


def choose_sink(
    plugins: Plugins, setting: PluginSettings, environ: Mapping[str, str]
) -> ChosenSink:
    """Return the sink that `SINK` names, or `s3` where `S3_BUCKET` is set."""
    name, asked_by = setting.sink, f"SINK={setting.sink!r}"
    if name is None:
        if not is_set(environ, "S3_BUCKET"):
            raise ConfigurationError(
                "no sink is chosen; set S3_BUCKET and S3_PREFIX to write to S3, or SINK=local and"
                " LOCAL_DIR to write files"
            )
        name, asked_by = "s3", "S3_BUCKET"
    plugin = plugins.sink(name, asked_by)
    label = f"sink {name!r} of plugin {plugins.label('sink', name)}"
    return ChosenSink(plugin, read(plugin.settings, environ), label)
