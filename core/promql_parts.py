"""A query cut into parts by labels of its series, so that costly work is done on few of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .promql import parsed, work_in
from .promql_fault import QueryError

_MIXING: Final = ("absent", "absent_over_time", "scalar", "vector", "histogram_quantile", "info")
_WRITING: Final = ("label_replace", "label_join")


def parts(query: str, conditions: Iterable[str], labels: Iterable[str]) -> list[str] | None:
    """Return `query` once for each of `conditions` (label matchers), worked into its selectors.

    None where the parts together would not be the whole: series are mixed (aggregations, joins),
    one of the `labels` that the conditions are about is written, or it is another dialect. None
    also where a selector asks already whether one of the labels is empty: it is such a part.
    """
    try:
        if not _each_alone(parsed(query), frozenset(labels)):
            return None
        return [work_in(query, condition, None) for condition in conditions]
    except (QueryError, RecursionError):
        return None


def _each_alone(node: Any, labels: frozenset[str]) -> bool:
    """Whether every series of the answer comes from one series of the store."""
    inner: list[Any] = []
    match type(node).__name__:
        case "NumberLiteral" | "StringLiteral":
            allowed = True
        case "VectorSelector":
            allowed = not any(m.name in labels and not m.value for m in node.matchers.matchers)
        case "MatrixSelector":
            allowed, inner = True, [node.vector_selector]
        case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
            allowed, inner = True, [node.expr]
        case "Call":
            name, inner = node.func.name, node.args
            allowed = name not in _MIXING and (name not in _WRITING or _harmless(node, labels))
        case "BinaryExpr":
            inner = [node.lhs, node.rhs]
            number = any(type(side).__name__ == "NumberLiteral" for side in inner)
            plain = node.modifier is None or node.modifier.matching is None
            allowed = number or (str(node.op) == "or" and plain)
        case _:
            allowed = False
    return allowed and all(_each_alone(part, labels) for part in inner)


def _harmless(call: Any, labels: frozenset[str]) -> bool:
    """Whether a call writes none of the labels, or only ever fills it with something."""
    target, *rest = call.args[1:]
    filled = call.func.name == "label_replace" and (rest[0].val, rest[2].val) == ("$1", "(.+)")
    return target.val not in labels or filled
