"""Settings as frozen attrs classes whose fields are environment variables.

A field made with `var()` or `secret()` is the one declaration of its variable: name, default,
what is accepted, what it means. `read()` makes objects from a mapping and reports every problem
of all of them in one `ConfigurationError`; the tables in the documentation come from `variables()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from .errors import ConfigurationError
from .secret import Secret

T = TypeVar("T")
_METADATA = "promferry"


@attrs.frozen
class Variable:
    """What is declared about one environment variable."""

    name: str
    help: str
    parse: Callable[[str], Any]
    accepts: str
    default: Any = attrs.NOTHING
    shown_default: str = ""
    is_secret: bool = False

    @property
    def required(self) -> bool:
        """Whether a run without it is refused."""
        return self.default is attrs.NOTHING


def var(
    name: str,
    parse: Callable[[str], Any],
    *,
    help: str,  # noqa: A002 - the word that click and argparse use
    accepts: str,
    default: Any = attrs.NOTHING,
    shown_default: str | None = None,
) -> Any:
    """Declare a field read from the variable `name`.

    `parse` turns its text into a value and raises ValueError for text that is not accepted;
    `accepts` finishes the sentence "accepted: ...". Without a `default` the variable is required.
    """
    if shown_default is None:
        shown_default = "" if default in (attrs.NOTHING, None) else str(default)
    declared = Variable(name, help, parse, accepts, default, shown_default)
    return attrs.field(metadata={_METADATA: declared})


def secret(name: str, *, help: str, required: bool = False) -> Any:  # noqa: A002
    """Declare a field for a `Secret`, from the variable `name` or from the file in `name`_FILE."""
    default = attrs.NOTHING if required else None
    declared = Variable(name, help, Secret, "a secret", default, is_secret=True)
    return attrs.field(metadata={_METADATA: declared}, repr=False)


def variables(cls: type) -> Iterator[tuple[str, Variable]]:
    """Yield (field name, declaration) for every variable that the settings class `cls` declares."""
    for field in attrs.fields(cls):
        if _METADATA in field.metadata:
            yield field.name, field.metadata[_METADATA]


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether the variable has a value; an empty one counts as unset."""
    return bool(environ.get(name, "").strip())


def read(cls: type[T], environ: Mapping[str, str]) -> T:
    """Make `cls` from `environ`; raise `ConfigurationError` with all its problems at once."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field, declared in variables(cls):
        try:
            values[field] = _value(declared, environ)
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(*problems)
    try:
        return cls(**values)
    except ValueError as error:  # a rule between fields, said by the class itself
        raise ConfigurationError(str(error)) from None


def read_all(classes: Mapping[str, type], environ: Mapping[str, str]) -> dict[str, Any]:
    """Make every class of the mapping under its own name; all problems of all are in one error."""
    made: dict[str, Any] = {}
    errors: list[ConfigurationError] = []
    for name, cls in classes.items():
        try:
            made[name] = read(cls, environ)
        except ConfigurationError as error:
            errors.append(error)
    if errors:
        raise ConfigurationError.of(errors)
    return made


def _value(declared: Variable, environ: Mapping[str, str]) -> Any:
    if declared.is_secret:
        return _secret(declared, environ)
    if not is_set(environ, declared.name):
        if declared.required:
            raise ConfigurationError(
                f"{declared.name} is not set; accepted: {declared.accepts} ({declared.help})"
            )
        return declared.default
    given = environ[declared.name].strip()
    try:
        return declared.parse(given)
    except ValueError as error:
        detail = f" ({error})" if str(error) else ""
        raise ConfigurationError(
            f"{declared.name}={given!r} is wrong{detail}; accepted: {declared.accepts}"
        ) from None


def _secret(declared: Variable, environ: Mapping[str, str]) -> Secret | None:
    by_file = declared.name + "_FILE"
    if is_set(environ, declared.name) and is_set(environ, by_file):
        raise ConfigurationError(f"{declared.name} and {by_file} are both set; set one of them")
    found: Secret | None = None
    if is_set(environ, by_file):
        found = Secret(by_file, file=Path(environ[by_file].strip()))
    elif is_set(environ, declared.name):
        found = Secret(declared.name, value=environ[declared.name])
    elif declared.required:
        raise ConfigurationError(
            f"neither {declared.name} nor {by_file} is set; accepted: the secret itself, or the"
            f" path of a file that holds it ({declared.help})"
        )
    if found is not None:
        found.reveal()  # a secret that can't be used is a problem now, not at the first query
    return found
