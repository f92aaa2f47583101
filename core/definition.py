"""A metric definition, as a YAML file holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import attrs
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import ConfigurationError

LARGEST_FILE: Final = 1_048_576  # bytes; a ConfigMap can't be larger either
LONGEST_STEP: Final = 86_400  # windows end at midnight
_DEEPEST: Final = 20
_NAME: Final = re.compile(r"[a-z0-9_]{1,128}")
_REQUIRED: Final = ("name", "query")
_KEYS: Final = ("name", "description", "unit", "query", "step")


@attrs.frozen
class Definition:
    """One definition. `query` is the template's text, `step` in seconds or None where unsaid.

    `description` and `unit` are for people; they are empty where the file does not say them.

    `source` is the file and `line` where in it the definition begins; `query_line` is the line
    that the template's first line stands on, None where YAML has folded its lines.
    """

    name: str
    description: str
    unit: str
    query: str
    step: int | None
    source: str
    line: int
    query_line: int | None


def files(folder: Traversable | Path) -> list[Traversable | Path]:
    """Return the `*.yaml` and `*.yml` directly in `folder`, in order of name.

    Hidden names are left out: the `..data` of a mounted ConfigMap, an editor's swap file.
    Raises `ConfigurationError` where the folder can't be read.
    """
    try:
        found = [
            entry
            for entry in folder.iterdir()
            if entry.name.endswith((".yaml", ".yml")) and not entry.name.startswith(".")
        ]
    except OSError as error:
        raise ConfigurationError(f"{folder}: can't read the folder: {_reason(error)}") from None
    return sorted(found, key=lambda entry: entry.name)


def read(file: Traversable | Path) -> list[Definition]:
    """Return the definitions of one file; raise `ConfigurationError` with all that is wrong."""
    source = str(file)
    text = _text(file, source)
    try:
        documents = list(_Loader.documents(text))
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_marked(source, error)) from None
    except yaml.reader.ReaderError as error:
        raise ConfigurationError(
            f"{source}: not a text file: character {error.character!r} at position {error.position}"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{source}: {_one_line(str(error))}") from None
    if not documents:
        raise ConfigurationError(f"{source}: the file is empty; accepted: a definition or a list")
    found: list[Definition] = []
    problems: list[str] = []
    for document in documents:
        entries = document.value if isinstance(document, SequenceNode) else [document]
        if not entries:
            problems.append(f"{_place(source, document)}: the list has no definition in it")
        for entry in entries:
            try:
                found.append(_definition(entry, source))
            except ConfigurationError as error:
                problems.extend(error.problems)
    if problems:
        raise ConfigurationError(*problems)
    return found


def _text(file: Traversable | Path, source: str) -> str:
    try:
        if not file.is_file():
            broken = isinstance(file, Path) and file.is_symlink() and not file.exists()
            what = "a link to a file that is not there" if broken else "not a file"
            raise ConfigurationError(f"{source}: {what}; remove it or put a definition there")
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{source}: can't read the file: {_reason(error)}") from None
    if len(content) > LARGEST_FILE:
        raise ConfigurationError(f"{source}: the file is larger than {LARGEST_FILE} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{source}: not a text file: byte {error.start} is not UTF-8"
        ) from None


class _Loader(yaml.SafeLoader):
    """Gives nodes instead of objects, so that every problem has its line.

    An alias of anything but a scalar is refused: expanding those is how a few lines of YAML fill
    the memory.
    """

    _depth = 0

    @classmethod
    def documents(cls, text: str) -> Iterator[Node]:
        loader = cls(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is not None and not _is_null(node):
                    yield node
        finally:
            loader.dispose()

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        anchor = getattr(event, "anchor", None)
        is_alias = isinstance(event, yaml.AliasEvent)
        if self._depth > _DEEPEST:
            raise yaml.composer.ComposerError(None, None, "nested too deep", mark)
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and not isinstance(node, ScalarNode):
            raise yaml.composer.ComposerError(
                None,
                None,
                f"the alias *{anchor} stands for a list or a mapping; write it out",
                mark,
            )
        return node


def _definition(node: Node, source: str) -> Definition:
    """Check one entry; all its problems are in one error."""
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else f"the text {_shown(node)}"
        raise ConfigurationError(
            f"{_place(source, node)}: {kind} stands where a definition is expected; accepted: a"
            f" mapping with the keys {', '.join(_KEYS)}"
        )
    problems: list[str] = []
    fields: dict[str, Node] = {}
    whose = _whose(node)
    for key, value in node.value:
        place = f"{_place(source, key)}{whose}"
        name = key.value if isinstance(key, ScalarNode) else _shown(key)
        if name not in _KEYS:
            problems.append(f"{place}, key {name!r}: unknown; accepted: {', '.join(_KEYS)}")
        elif name in fields:
            problems.append(f"{place}, key {name!r}: it stands there twice")
        else:
            fields[name] = value
    problems.extend(
        f"{_place(source, node)}{whose}, key {name!r}: missing"
        for name in _REQUIRED
        if name not in fields
    )
    values: dict[str, Any] = {"description": "", "unit": "", "step": None}
    for name, value in fields.items():
        try:
            values[name] = _step(value) if name == "step" else _string(value)
            if name == "name" and not _NAME.fullmatch(values[name]):
                raise ValueError(  # noqa: TRY301 - one place gives all of them file and key
                    f"{_shown(value)} is wrong; accepted: lower-case letters, digits and _,"
                    " at most 128"
                )
        except ValueError as error:
            problems.append(f"{_place(source, value)}{whose}, key {name!r}: {error}")
    if problems:
        raise ConfigurationError(*problems)
    query = fields["query"]
    return Definition(
        **values,
        source=source,
        line=_line(node),
        query_line=_query_line(query),
    )


def _string(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        kind = "a list" if isinstance(node, SequenceNode) else "a mapping"
        raise ValueError(f"{kind} stands where a text is expected")  # noqa: TRY004
    if _is_null(node) or not node.value.strip():
        raise ValueError("it is empty")
    if node.tag != "tag:yaml.org,2002:str":
        raise ValueError(f"{_shown(node)} is not a text to YAML; put it in quotes")
    text: str = node.value
    return text.strip()


def _step(node: Node) -> int:
    if (
        isinstance(node, ScalarNode)
        and node.tag == "tag:yaml.org,2002:int"
        and re.fullmatch(r"[1-9][0-9]{0,8}", node.value)
        and int(node.value) <= LONGEST_STEP
    ):
        return int(node.value)
    raise ValueError(
        f"{_shown(node)} is wrong; accepted: whole seconds from 1 to {LONGEST_STEP}, without quotes"
    )


def _query_line(node: Node) -> int | None:
    if isinstance(node, ScalarNode) and node.style == "|":
        return _line(node) + 1
    return _line(node) if node.start_mark.line == node.end_mark.line else None


def _whose(node: MappingNode) -> str:
    for key, value in node.value:
        if getattr(key, "value", None) == "name" and isinstance(value, ScalarNode) and value.value:
            return f", metric {_shown(value)}"
    return ""


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _shown(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        return "a list" if isinstance(node, SequenceNode) else "a mapping"
    text: str = node.value
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _place(source: str, node: Node) -> str:
    return f"{source}, line {_line(node)}"


def _marked(source: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
    parts = (error.context, error.problem)
    return f"{place}: not valid YAML: {_one_line(' '.join(part for part in parts if part))}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
