"""Matchers and a cluster label, worked into a query's syntax tree.

Pure functions on text. The parser's own printing is not used: it escapes too little and changes
numbers; `_Writer` writes the tree instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Final

from .promql_fault import QueryError, locate
from .promql_tokens import DEEPEST, MOST, nesting, plain_strings, quoted, tokens

_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_AT: Final = re.compile(r" @ (-?[0-9.]+)(?: offset \S+)?$")
_SET: Final = ("and", "or", "unless")
_LOSING: Final = ("absent", "absent_over_time", "scalar")
_OPERATORS: Final = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def check(query: str) -> None:
    """Raise `QueryError` if `query` is not PromQL."""
    parsed(query)


def check_matchers(text: str) -> None:
    """Raise ValueError unless `text` is what stands between the braces of a selector."""
    _matchers(text)


def work_in(query: str, matchers: str | None, cluster_label: str | None) -> str:
    """Return `query` with `matchers` in every selector and `cluster_label` kept everywhere.

    Every aggregation keeps the label and every join matches on it, so that the answer over a store
    of many clusters is that of each cluster alone. Doing it twice changes nothing more. Without
    either the query is returned unchanged, whatever its dialect.

    Raises `QueryError` for a query that the parser does not take, or where the label can't be kept.
    """
    if not matchers and not cluster_label:
        return query
    words = [token.text for token in tokens(query)]
    if ("@", "-") in pairwise(words):
        raise QueryError("the parser can't keep a time before 1970 behind @")
    added = _matchers(matchers) if matchers else ()
    try:
        return _Writer(added, cluster_label).write(parsed(query))
    except RecursionError:
        raise QueryError("it is nested too deep") from None


def parsed(query: str) -> Any:
    """Return the syntax tree of `query`; raise `QueryError` with the place if there is none."""
    from promql_parser import parse

    words = list(tokens(query))
    if len(words) > MOST or nesting(words) > DEEPEST:
        raise QueryError(f"it has more than {MOST} words or is nested deeper than {DEEPEST}")
    try:
        query = plain_strings(query)
    except ValueError as error:
        raise QueryError(f"a string in it can't be read: {error}") from None
    try:
        return parse(query)
    except ValueError as error:
        raise locate(query, error) from None


def _matchers(text: str) -> tuple[Any, ...]:
    if any(word.text in ("{", "}") for word in tokens(text)):
        raise ValueError("there is a brace in it")
    try:
        selector = parsed(f"x{{{text}}}")
    except QueryError as error:
        raise ValueError(error.message) from None
    if type(selector).__name__ != "VectorSelector" or selector.offset or selector.at:
        raise ValueError("not a list of label matchers")
    if selector.matchers.or_matchers:
        raise ValueError("`or` is not a label matcher")
    found = tuple(selector.matchers.matchers)
    if not found or any(matcher.name == "__name__" for matcher in found):
        raise ValueError("no label matcher in it" if not found else "__name__ is not a label here")
    return found


class _Writer:
    """Writes a tree as text, with what has to be worked in."""

    def __init__(self, added: Iterable[Any], label: str | None) -> None:
        self._added = [_matcher(matcher) for matcher in added]
        self._label = label
        # With `cluster="prod"` in every selector there is one cluster, and nothing can mix two.
        self._pinned = any(_pins(matcher, label) for matcher in added)

    def write(self, node: Any) -> str:
        """Return the text of a node and all below it."""
        method: Callable[[Any], str] = getattr(self, f"_{type(node).__name__}")
        return method(node)

    def _NumberLiteral(self, node: Any) -> str:  # noqa: N802 - named after the node's class
        return _number(node.val)

    def _StringLiteral(self, node: Any) -> str:  # noqa: N802
        return quoted(node.val)

    def _ParenExpr(self, node: Any) -> str:  # noqa: N802
        return f"({self.write(node.expr)})"

    def _UnaryExpr(self, node: Any) -> str:  # noqa: N802
        return f"-{self.write(node.expr)}"

    def _VectorSelector(self, node: Any) -> str:  # noqa: N802
        return self._selector(node) + _modifiers(node)

    def _MatrixSelector(self, node: Any) -> str:  # noqa: N802
        inner = node.vector_selector
        return f"{self._selector(inner)}[{_duration(node.range)}]{_modifiers(inner)}"

    def _SubqueryExpr(self, node: Any) -> str:  # noqa: N802
        step = _duration(node.step) if node.step else ""
        return f"{self.write(node.expr)}[{_duration(node.range)}:{step}]{_modifiers(node)}"

    def _Call(self, node: Any) -> str:  # noqa: N802
        name = node.func.name
        if self._label and name in _LOSING and not self._pinned and self._carries(*node.args):
            raise QueryError(
                f"{name}() can't keep the label {self._label!r} of CLUSTER_LABEL apart;"
                f" set MATCHERS to one cluster, or write the query without {name}()"
            )
        return f"{name}({', '.join(map(self.write, node.args))})"

    def _AggregateExpr(self, node: Any) -> str:  # noqa: N802
        arguments = [node.expr] if node.param is None else [node.param, node.expr]
        inner = f"({', '.join(map(self.write, arguments))})"
        exclude, names = False, None
        if node.modifier is not None:
            exclude = str(node.modifier.type).endswith("Without")
            names = list(node.modifier.labels)
        if self._label and self._carries(node.expr):
            names = _with(names or [], self._label, exclude=exclude)
        if names is None or not (names or exclude):
            return f"{node.op}{inner}"
        return f"{node.op} {'without' if exclude else 'by'} {_labels(names)} {inner}"

    def _BinaryExpr(self, node: Any) -> str:  # noqa: N802
        left, right = self.write(node.lhs), self.write(node.rhs)
        words = [str(node.op)]
        if node.modifier is not None and node.modifier.return_bool:
            words.append("bool")
        if not _is_scalar(node.lhs) and not _is_scalar(node.rhs):
            words += self._matching(node)
        return f"{left} {' '.join(words)} {right}"

    def _matching(self, node: Any) -> list[str]:
        """Return `on`, `ignoring`, `group_left` and so on of a join, with the cluster label."""
        modifier = node.modifier
        exclude, names, group, carried = True, None, "", None
        if modifier is not None:
            if modifier.matching is not None:
                exclude = str(modifier.matching.type).endswith("Exclude")
                names = list(modifier.matching.labels)
            group = {"ManyToOne": "group_left", "OneToMany": "group_right"}.get(
                str(modifier.card).rpartition(".")[2], ""
            )
            carried = modifier.group_labels
        if self._label:
            left, right = self._carries(node.lhs), self._carries(node.rhs)
            if left and right and names is not None:
                names = _with(names, self._label, exclude=exclude)
            elif left != right:
                names, group = self._one_sided(node, names, group, left=left, exclude=exclude)
            if carried and names and not exclude and self._label in names:
                carried = [name for name in carried if name != self._label]
        words = []
        if names is not None:
            words += ["ignoring" if exclude else "on", _labels(names)]
        if group:
            words += [group, _labels(carried or [])]
        return [*words, *_fills(modifier)]

    def _one_sided(
        self,
        node: Any,
        names: list[str] | None,
        group: str,
        *,
        left: bool,
        exclude: bool,
    ) -> tuple[list[str] | None, str]:
        """Return labels and grouping of a join of which only one side knows clusters.

        Its other side, `vector(1)` say, stands beside each cluster alike.
        """
        assert self._label is not None
        if exclude:
            names = [*(names or []), *([] if self._label in (names or []) else [self._label])]
        elif self._label in (names or []):
            names = [name for name in names or [] if name != self._label]
        if str(node.op) in _SET:
            return names, group
        needed = "group_left" if left else "group_right"
        if group not in ("", needed) or (not group and not exclude):
            raise QueryError(
                f"the join {str(node.op)!r} can't keep the label {self._label!r} of CLUSTER_LABEL:"
                f" one side has no selector; write it with {needed}"
            )
        return names, needed

    def _selector(self, node: Any) -> str:
        name = node.name or ""
        groups = node.matchers.or_matchers or [node.matchers.matchers]
        written = []
        for group in groups:
            own = [_matcher(matcher) for matcher in group]
            if name and not _METRIC.fullmatch(name):
                own.insert(0, f"__name__={quoted(name)}")
            written.append(", ".join([*own, *(each for each in self._added if each not in own)]))
        inside = " or ".join(written)
        plain = name if _METRIC.fullmatch(name) else ""
        return f"{plain}{{{inside}}}" if inside or not plain else plain

    def _carries(self, *nodes: Any) -> bool:
        """Whether the answer of any of the nodes can have the cluster label, once it is kept."""
        return any(self._carries_one(node) for node in nodes)

    def _carries_one(self, node: Any) -> bool:
        match type(node).__name__:
            case "VectorSelector" | "MatrixSelector":
                return True
            case "ParenExpr" | "UnaryExpr" | "SubqueryExpr" | "AggregateExpr":
                return self._carries_one(node.expr)
            case "BinaryExpr" if str(node.op) in ("and", "unless"):
                return self._carries_one(node.lhs)
            case "BinaryExpr":
                return self._carries(node.lhs, node.rhs)
            case "Call":
                return node.func.name not in ("scalar", "vector") and self._carries(*node.args)
        return False


def _pins(matcher: Any, label: str | None) -> bool:
    return matcher.name == label and matcher.op == type(matcher.op).Equal and bool(matcher.value)


def _with(names: list[str], label: str, *, exclude: bool) -> list[str]:
    """Return the list of `by` or `on` with the label, that of `without` or `ignoring` less it."""
    others = [name for name in names if name != label]
    if exclude:
        return others
    return names if label in names else [*names, label]


def _is_scalar(node: Any) -> bool:
    match type(node).__name__:
        case "NumberLiteral":
            return True
        case "ParenExpr" | "UnaryExpr":
            return _is_scalar(node.expr)
        case "BinaryExpr":
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
        case "Call":
            return str(node.func.return_type).endswith("Scalar")
    return False


def _matcher(matcher: Any) -> str:
    operator = _OPERATORS[str(matcher.op).rpartition(".")[2]]
    return f"{_label(matcher.name)}{operator}{quoted(matcher.value)}"


def _label(name: str) -> str:
    return name if _LABEL.fullmatch(name) else quoted(name)


def _labels(names: Iterable[str]) -> str:
    return f"({', '.join(map(_label, names))})"


def _fills(modifier: Any) -> list[str]:
    fills = modifier.fill_values if modifier is not None else None
    if fills is None:
        return []
    sides = (("fill_left", fills.lhs), ("fill_right", fills.rhs))
    return [f"{name} ({_number(value)})" for name, value in sides if value is not None]


def _modifiers(node: Any) -> str:
    text = ""
    if node.at is not None:
        kind = str(node.at.type).rpartition(".")[2]
        text = f" @ {_moment(node)}" if kind == "At" else f" @ {kind.lower()}()"
    if node.offset:
        text += f" offset {_duration(node.offset)}"
    return text


def _moment(node: Any) -> str:
    """Return the time of `@ time` as the parser prints it: reading it fails before 1970."""
    match = _AT.search(node.prettify())
    assert match is not None
    return match[1]


def _duration(delta: Any) -> str:
    milliseconds = round(delta.total_seconds() * 1000)
    sign, rest = ("-" if milliseconds < 0 else ""), abs(milliseconds)
    text = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return sign + (text or "0s")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004
