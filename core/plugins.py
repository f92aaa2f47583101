"""Finding and loading plugins: entry points through importlib.metadata, hooks through pluggy."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar

import attrs
import pluggy

from .errors import ConfigurationError, KnownError
from .hooks import PROJECT, AuthMethod, QueryPack, SinkPlugin, Specs

log = logging.getLogger(__name__)

HOOKS: Final[Mapping[str, str]] = {
    "queries": "promferry_query_packs",
    "auth": "promferry_auth_methods",
    "sink": "promferry_sinks",
}
_TYPES: Final[Mapping[str, type]] = {"queries": QueryPack, "auth": AuthMethod, "sink": SinkPlugin}

Named = TypeVar("Named", QueryPack, AuthMethod, SinkPlugin)


@attrs.define
class Plugin:
    """One entry point of the group, whether it could be loaded or not."""

    entry: str
    module: str
    distribution: str
    version: str
    file: str
    cause: str = ""
    provides: list[tuple[str, str]] = attrs.field(factory=list)

    @property
    def label(self) -> str:
        """Entry point, distribution, version and file in one line."""
        return f"{self.entry} ({self.distribution} {self.version}, {self.file})"

    @property
    def kind(self) -> str | None:
        """The kind that the entry point's name says, or None where it says none."""
        kind = self.entry.partition(".")[0]
        return kind if kind in HOOKS else None


class Plugins:
    """The installed plugins, loaded kind by kind when first asked for."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        if found is None:
            found = entry_points(group=PROJECT)
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Specs)
        self._entries = [
            (_describe(point), point)
            for point in sorted(
                found, key=lambda p: (p.name, p.dist.name if p.dist else "", p.value)
            )
        ]
        self._loaded: dict[int, object] = {}

    def query_packs(self) -> dict[str, QueryPack]:
        """Return every query pack by name."""
        return self._kind("queries", QueryPack)

    def auth_methods(self) -> dict[str, AuthMethod]:
        """Return every auth method by name."""
        return self._kind("auth", AuthMethod)

    def sinks(self) -> dict[str, SinkPlugin]:
        """Return every kind of sink by name."""
        return self._kind("sink", SinkPlugin)

    def auth_method(self, name: str, asked_by: str) -> AuthMethod:
        """Return the auth method `name`; `asked_by` says which setting wants it, for the error."""
        return self._pick("auth", name, self.auth_methods(), asked_by)

    def sink(self, name: str, asked_by: str) -> SinkPlugin:
        """Return the kind of sink `name`; `asked_by` says which setting wants it."""
        return self._pick("sink", name, self.sinks(), asked_by)

    def label(self, kind: str, name: str) -> str:
        """Return the label of the loaded plugin that brings `name`; "" where none does."""
        brings = (kind, name)
        return next((plugin.label for plugin, _ in self._entries if brings in plugin.provides), "")

    def all(self) -> list[Plugin]:
        """Load every plugin of every kind and return them in order of name, broken ones too."""
        for kind, cls in _TYPES.items():
            try:
                self._kind(kind, cls)
            except ConfigurationError as error:  # two of one name: said beside both
                log.debug("%s", error)
        return [plugin for plugin, _ in self._entries]

    def clashes(self) -> list[str]:
        """Return a line for each name that two plugins of one kind bring."""
        lines: list[str] = []
        for kind, cls in _TYPES.items():
            try:
                self._kind(kind, cls)
            except ConfigurationError as error:
                lines.extend(error.problems)
        return lines

    def _pick(self, kind: str, name: str, known: Mapping[str, Named], asked_by: str) -> Named:
        if name in known:
            return known[name]
        suspects = [
            plugin
            for plugin, _ in self._entries
            if plugin.cause and (plugin.entry == f"{kind}.{name}" or plugin.kind is None)
        ]
        if suspects:
            raise ConfigurationError(
                *(
                    f"{asked_by} asks for {kind} {name!r}, and plugin {plugin.label}"
                    f" can't be loaded: {plugin.cause}"
                    for plugin in suspects
                )
            )
        raise ConfigurationError(
            f"{asked_by} asks for {kind} {name!r}, which no installed plugin brings;"
            f" accepted: {', '.join(sorted(known)) or 'none is installed'}"
        )

    def _kind(self, kind: str, cls: type[Named]) -> dict[str, Named]:
        found: dict[str, Named] = {}
        owners: dict[str, Plugin] = {}
        for plugin, thing in self._provided(kind, cls):
            if thing.name in found:
                raise ConfigurationError(
                    f"two plugins bring {kind} {thing.name!r}: {owners[thing.name].label} and"
                    f" {plugin.label}; uninstall one of them"
                )
            found[thing.name], owners[thing.name] = thing, plugin
        return found

    def _provided(self, kind: str, cls: type[Named]) -> Iterator[tuple[Plugin, Named]]:
        for number, (plugin, point) in enumerate(self._entries):
            if plugin.cause or plugin.kind not in (kind, None):
                continue
            if number not in self._loaded:
                self._load(number, plugin, point)
            if plugin.cause:
                continue
            for thing in self._call(kind, cls, plugin, self._loaded[number]):
                if (kind, thing.name) not in plugin.provides:
                    plugin.provides.append((kind, thing.name))
                yield plugin, thing

    def _load(self, number: int, plugin: Plugin, point: EntryPoint) -> None:
        module: Any = None
        try:
            module = point.load()
            if self._manager.is_registered(module):
                raise ImportError(f"{point.value} is registered already under another entry point")  # noqa: TRY301
            self._manager.register(module, name=f"{plugin.distribution}:{plugin.entry}")
            self._manager.check_pending()
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, it is named for it
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            self._broken(plugin, error)
        else:
            self._loaded[number] = module

    def _call(self, kind: str, cls: type[Named], plugin: Plugin, module: object) -> list[Named]:
        others = [each for each in self._manager.get_plugins() if each is not module]
        try:
            caller = self._manager.subset_hook_caller(HOOKS[kind], others)
            things = [thing for returned in caller() for thing in returned]
            for thing in things:
                if not isinstance(thing, cls):
                    raise TypeError(f"{HOOKS[kind]} returned {thing!r}, not a {cls.__name__}")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 - as above
            self._broken(plugin, error)
            return []
        return things

    def _broken(self, plugin: Plugin, error: Exception) -> None:
        cause = " ".join(str(error).split())
        plugin.cause = f"{type(error).__name__}: {cause}" if cause else type(error).__name__
        log.warning("plugin %s can't be loaded: %s", plugin.label, plugin.cause)


def guarded(label: str, call: Callable[[], Any]) -> Any:
    """Run a plugin's code; an error that is not a known one names the plugin `label`."""
    try:
        return call()
    except KnownError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split())
        raise ConfigurationError(f"{label} failed: {type(error).__name__}: {cause}") from error


def _describe(point: EntryPoint) -> Plugin:
    module = point.value.partition(":")[0]
    try:
        spec = importlib.util.find_spec(module)
        file = (spec.origin if spec else None) or "no file found"
    except Exception:  # noqa: BLE001 - finding a submodule imports its parent, which may be broken
        file = "no file found"
    return Plugin(
        entry=point.name,
        module=point.value,
        distribution=point.dist.name if point.dist else "unknown",
        version=point.dist.version if point.dist else "unknown",
        file=file,
    )
