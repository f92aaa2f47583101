"""The hooks of promferry: all that a plugin can add.

A plugin is a module (or object) under the entry-point group `promferry` that implements one or more
of the three hooks below with `@hookimpl`. Name the entry point `<kind>.<name>` (`sink.azure`,
`auth.oidc`, `queries.gpu`): it is then imported only when its kind is needed. Hooks return named
things; promferry picks by name, and two of one name are an error that names both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import attrs
import pluggy

from .auth import Auth, AwsSession
from .sink import Sink

PROJECT = "promferry"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@attrs.frozen
class QueryPack:
    """A folder of metric definitions: every `*.yaml` directly in it."""

    name: str
    folder: Traversable | Path


@attrs.frozen
class SinkContext:
    """What the core knows and a sink may need. `aws` is None where no auth method gives it."""

    cluster: str
    aws: AwsSession | None = None


@attrs.frozen
class SinkPlugin:
    """A kind of sink. `settings` is an attrs class declared with `promferry.core.environ.var`.

    `open` is called once a run, with the settings as read and checked. It may raise
    `ConfigurationError`; any other exception is reported with the plugin's name and version.
    """

    name: str
    summary: str
    settings: type
    open: Callable[[Any, SinkContext], Sink]


@attrs.frozen
class AuthContext:
    """What the core knows and an auth method may need.

    `url` is the base address of the Prometheus API; `now` tells the time in Unix seconds, for
    credentials that end; `aws` comes from a method that gives AWS credentials (such as
    assume-role), where one is in use.
    """

    cluster: str
    url: str
    now: Callable[[], float]
    aws: AwsSession | None = None


@attrs.frozen
class AuthMethod:
    """A way to authenticate.

    It is used when `AUTH` names it or, with `AUTH` unset, when `detect(environ)` says that its
    variables are set. `claims` are the things that it alone may set: header names in lower case, or
    `aws` for AWS credentials; two methods with a claim in common are a configuration error that
    names the `variables` of both. Methods that claim `aws` are opened first.
    """

    name: str
    summary: str
    settings: type
    open: Callable[[Any, AuthContext], Auth]
    variables: tuple[str, ...]
    claims: tuple[str, ...]
    detect: Callable[[Mapping[str, str]], bool]


class Specs:
    """The hook specifications."""

    @hookspec
    def promferry_query_packs(self) -> Iterable[QueryPack]:  # type: ignore[empty-body]
        """Return folders of metric definitions.

        Called once, before the catalogue is read. A definition that is wrong stops the command
        with the file and the key that is at fault.
        """

    @hookspec
    def promferry_auth_methods(self) -> Iterable[AuthMethod]:  # type: ignore[empty-body]
        """Return the auth methods that this plugin brings; called once, before any is opened."""

    @hookspec
    def promferry_sinks(self) -> Iterable[SinkPlugin]:  # type: ignore[empty-body]
        """Return the kinds of sink that this plugin brings; called once, before one is opened."""
