"""The sink `objectstore` for promferry: Azure, Google and other stores, through obstore."""

from __future__ import annotations

from collections.abc import Iterable

from promferry.core.hooks import SinkContext, SinkPlugin, hookimpl

from .settings import ObjectstoreSettings


def _open(settings: ObjectstoreSettings, context: SinkContext) -> object:
    del context
    from .sink import ObjectstoreSink  # obstore is imported by runs that use it

    return ObjectstoreSink.at(settings.url)


@hookimpl
def promferry_sinks() -> Iterable[SinkPlugin]:
    """Bring the sink `objectstore`."""
    return [SinkPlugin("objectstore", "Azure, Google, a folder", ObjectstoreSettings, _open)]
