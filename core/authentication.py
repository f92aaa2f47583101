"""Choosing auth methods, refusing what does not go together, and joining what does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from requests import PreparedRequest
from requests.auth import AuthBase

from .auth import Auth, AwsSession
from .environ import read
from .errors import ConfigurationError, KnownError, UnavailableError
from .hooks import AuthContext, AuthMethod
from .plugins import Plugins, guarded
from .settings import PluginSettings

log = logging.getLogger(__name__)

_NONE = "none"


@attrs.frozen
class Authentication:
    """What all methods in use bring together. `description` says what is tried, never a secret."""

    http: AuthBase | None
    aws: AwsSession | None
    description: str


@attrs.frozen
class Chosen:
    """The methods in use with their settings, checked but not opened.

    `labels` says of each by name which plugin it came from.
    """

    methods: tuple[tuple[AuthMethod, Any], ...]
    labels: Mapping[str, str]

    def open(
        self, *, cluster: str, url: str, now: Callable[[], float] = time.time
    ) -> Authentication:
        """Open them, those that give AWS credentials first. `now` tells the time, Unix seconds."""
        opened: list[Auth] = []
        parts: list[_Part] = []
        aws: AwsSession | None = None
        for method, settings in sorted(self.methods, key=lambda each: "aws" not in each[0].claims):
            context = AuthContext(cluster, url, now, aws)
            label = self.labels[method.name]
            auth: Auth = guarded(
                label,
                lambda method=method, settings=settings, context=context: method.open(  # type: ignore[misc]
                    settings, context
                ),
            )
            aws = auth.aws or aws
            opened.append(auth)
            if auth.http is not None:
                parts.append(_Part(method, label, auth.http))
        return Authentication(_Joined(parts) if parts else None, aws, _tried(opened))


def choose(plugins: Plugins, setting: PluginSettings, environ: Mapping[str, str]) -> Chosen:
    """Return the methods that `AUTH` names, or else those whose variables are set.

    Raises `ConfigurationError` with every problem: unknown names, settings that are wrong, and two
    methods that claim the same header. A method whose variables are set and that `AUTH` leaves out
    is warned of.
    """
    known = plugins.auth_methods()
    labels = {
        name: f"auth method {name!r} of plugin {plugins.label('auth', name)}" for name in known
    }
    found = [
        method
        for name, method in known.items()
        if guarded(labels[name], lambda method=method: method.detect(environ))  # type: ignore[misc]
    ]
    if setting.auth is None:
        methods = found
    else:
        names = dict.fromkeys(setting.auth)
        if _NONE in names and len(names) > 1:
            raise ConfigurationError(
                f"AUTH={','.join(names)!r} names none together with others; name one or the other"
            )
        methods = [plugins.auth_method(name, f"AUTH={','.join(names)!r}") for name in names]
        for method in found:
            if method.name not in names:
                log.warning(
                    "AUTH=%s leaves out %s, whose variables are set (%s)",
                    ",".join(names),
                    method.name,
                    ", ".join(method.variables),
                )
    errors = list(_clashes(methods))
    ready: list[tuple[AuthMethod, Any]] = []
    for method in methods:
        try:
            ready.append((method, read(method.settings, environ)))
        except ConfigurationError as error:
            errors.append(error)
    if errors:
        raise ConfigurationError.of(errors)
    return Chosen(tuple(ready), labels)


def _tried(opened: Sequence[Auth]) -> str:
    """Return what Prometheus is shown: a role counts only where requests are signed with it."""
    signs = any(getattr(auth.http, "signs", False) for auth in opened)
    shown = [auth for auth in opened if auth.http is not None or auth.aws is None or signs]
    return ", ".join(auth.description for auth in shown if auth.description) or "no credentials"


def _clashes(methods: Sequence[AuthMethod]) -> list[ConfigurationError]:
    errors = []
    for number, one in enumerate(methods):
        for other in methods[number + 1 :]:
            shared = sorted(set(one.claims) & set(other.claims))
            if shared:
                errors.append(ConfigurationError(_clash(one, other, shared)))
    return errors


def _clash(one: AuthMethod, other: AuthMethod, shared: Sequence[str]) -> str:
    return (
        f"auth methods {one.name} ({', '.join(one.variables)}) and {other.name}"
        f" ({', '.join(other.variables)}) both set {', '.join(shared)}; unset the variables of one"
        " of them, or leave it out of AUTH"
    )


@attrs.frozen
class _Part:
    """One opened method; whatever is wrong with it is told by its plugin's name."""

    method: AuthMethod
    label: str
    http: Callable[[PreparedRequest], PreparedRequest]

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        try:
            return self.http(request)
        except KnownError:
            raise
        except Exception as error:
            log.debug("%s raised", self.label, exc_info=True)
            cause = " ".join(str(error).split())
            raise UnavailableError(
                f"{self.label} failed: {type(error).__name__}: {cause}"
                " (LOG_LEVEL=DEBUG shows the traceback)"
            ) from error


class _Joined(AuthBase):
    """Several methods, applied in order; a signature must come last, over all headers."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = sorted(parts, key=lambda each: bool(getattr(each.http, "signs", False)))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Apply them; one that undoes what another has set is an error, whatever it claims."""
        set_by: dict[str, AuthMethod] = {}
        for part in self._parts:
            before = dict(request.headers.lower_items())
            request = part(request)
            for name, value in request.headers.lower_items():
                if before.get(name) == value:
                    continue
                if name in set_by:
                    raise ConfigurationError(_clash(set_by[name], part.method, [name]))
                set_by[name] = part.method
        return request
