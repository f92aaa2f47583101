"""Choosing auth methods, refusing what does not go together, and joining what does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from requests import PreparedRequest
from requests.auth import AuthBase

from .auth import Auth, AwsSession
from .environ import read
from .errors import ConfigurationError
from .hooks import AuthContext, AuthMethod
from .plugins import Plugins, guarded
from .settings import PluginSettings

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

    def open(self, *, cluster: str, url: str) -> Authentication:
        """Open them, those that give AWS credentials first."""
        opened: list[Auth] = []
        aws: AwsSession | None = None
        for method, settings in sorted(self.methods, key=lambda each: "aws" not in each[0].claims):
            context = AuthContext(cluster, url, aws)
            auth: Auth = guarded(
                f"auth method {method.name!r} of plugin {self.labels[method.name]}",
                lambda method=method, settings=settings, context=context: method.open(  # type: ignore[misc]
                    settings, context
                ),
            )
            aws = auth.aws or aws
            opened.append(auth)
        https = [auth.http for auth in opened if auth.http is not None]
        description = ", ".join(auth.description for auth in opened if auth.description)
        return Authentication(
            _Joined(https) if https else None, aws, description or "no credentials"
        )


def choose(plugins: Plugins, setting: PluginSettings, environ: Mapping[str, str]) -> Chosen:
    """Return the methods that `AUTH` names, or else those whose variables are set.

    Raises `ConfigurationError` with every problem: unknown names, settings that are wrong, and two
    methods that claim the same header.
    """
    if setting.auth is None:
        methods = [each for each in plugins.auth_methods().values() if each.detect(environ)]
    else:
        names = dict.fromkeys(setting.auth)
        if _NONE in names and len(names) > 1:
            raise ConfigurationError(
                f"AUTH={','.join(names)!r} names none together with others; name one or the other"
            )
        methods = [plugins.auth_method(name, f"AUTH={','.join(names)!r}") for name in names]
    errors = list(_clashes(methods))
    ready: list[tuple[AuthMethod, Any]] = []
    for method in methods:
        try:
            ready.append((method, read(method.settings, environ)))
        except ConfigurationError as error:
            errors.append(error)
    if errors:
        raise ConfigurationError.of(errors)
    labels = {method.name: plugins.label("auth", method.name) for method in methods}
    return Chosen(tuple(ready), labels)


def _clashes(methods: Sequence[AuthMethod]) -> list[ConfigurationError]:
    errors = []
    for number, one in enumerate(methods):
        for other in methods[number + 1 :]:
            shared = sorted(set(one.claims) & set(other.claims))
            if shared:
                errors.append(
                    ConfigurationError(
                        f"auth methods {one.name} ({', '.join(one.variables)}) and {other.name}"
                        f" ({', '.join(other.variables)}) both set {', '.join(shared)}; unset the"
                        " variables of one of them, or name one in AUTH"
                    )
                )
    return errors


class _Joined(AuthBase):
    """Several methods, applied in order; a signature must come last, over all headers."""

    def __init__(self, methods: Sequence[AuthBase]) -> None:
        self._methods = sorted(methods, key=lambda each: bool(getattr(each, "signs", False)))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        for method in self._methods:
            request = method(request)
        return request
