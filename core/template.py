"""The template language of metric definitions: Jinja2, sandboxed and bounded.

A template can't hang the job or fill its memory: loops, calls, strings and numbers have limits far
above what a query needs.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from . import relabel

LONGEST: Final = 65_536  # characters of a rendered query, or of any value on the way to it
_MOST_TURNS: Final = 1000  # of all loops and calls together
_LARGEST: Final = 10**15
_SAMPLE_SPACING: Final = 60  # the longest scrape interval that ranges are made for, in seconds
_KEPT_FILTERS: Final = (
    "abs", "default", "first", "int", "last", "length", "lower", "reverse", "round", "sort",
    "trim", "unique", "upper",
)  # fmt: skip


class RenderError(ValueError):
    """A template that does not render; `line` is counted from 1, None where it is not known."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class _OverLimitError(Exception):
    pass


def covered(step: int) -> int:
    """Return the seconds that a range selector covers: the step, or two scrapes of 60 s."""
    return max(step, 2 * _SAMPLE_SPACING)


def variables(step: int) -> dict[str, object]:
    """Return what a template may name, for a query evaluated every `step` seconds.

    `range` is what a range selector covers.
    """
    window = covered(step)
    return {
        "step": f"{step}s",
        "step_seconds": step,
        "range": f"{window}s",
        "range_seconds": window,
        "target_labels": relabel.TARGET_LABELS,
    }


def render(text: str, step: int) -> str:
    """Return the query that the template `text` gives for this step, without outer white space.

    Raises `RenderError`.
    """
    environment = _Environment()
    if len(text) > LONGEST:
        raise RenderError(f"it is longer than {LONGEST} characters", None)
    try:
        tree = environment.parse(text)
        template = environment.from_string(_Bounds(environment).visit(tree))
        return str(_bearable(template.render(variables(step)).strip()))
    except RecursionError:
        raise RenderError("it is nested too deep", None) from None
    except TemplateError as error:
        message = error.message or type(error).__name__
        raise RenderError(message, getattr(error, "lineno", None) or _line(error)) from None
    except Exception as error:  # noqa: BLE001 - an expression can raise anything: TypeError, ...
        raise RenderError(str(error) or type(error).__name__, _line(error)) from None


def _line(error: Exception) -> int | None:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == "<template>"
    ]
    return lines[-1] if lines else None


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with limits, for one rendering."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, optimized=False, finalize=self._written
        )
        self._left = LONGEST
        self._turns = _MOST_TURNS
        self.filters = {
            **{name: self.filters[name] for name in _KEPT_FILTERS},
            "join": _join,
            "replace": _replace,
            "own_labels": relabel.own_labels,
            "with_node": relabel.with_node,
        }
        self.globals = {
            "own_labels": relabel.own_labels,
            "with_node": relabel.with_node,
            "_turning": self._turning,
            "_joined": self._joined,
        }

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate, if operands and result are of a bearable size."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator in ("*", "%") and not numbers):
            raise _OverLimitError(f"the operator {operator} is not allowed here")
        return _bearable(super().call_binop(context, operator, left, right))

    def call(self, context: Context, called: Any, *arguments: Any, **named: Any) -> Any:
        """Call, if the template has not called too often already."""
        self._turn()
        return _bearable(super().call(context, called, *arguments, **named))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse the methods of strings: some of them fill the memory in one call."""
        return not isinstance(obj, str) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Leave `"...".format` to `is_safe_attribute`: a width in it can be any number."""

    def _turn(self) -> None:
        self._turns -= 1
        if self._turns < 0:
            raise _OverLimitError(f"it loops or calls more than {_MOST_TURNS} times")

    def _turning(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._turn()
            yield value

    def _joined(self, *values: Any) -> str:
        return str(_bearable("".join(map(str, values))))

    def _written(self, value: Any) -> Any:
        """See every value that is written, also inside macros and blocks."""
        self._left -= len(str(value))
        if self._left < 0:
            raise _OverLimitError(f"it gives more than {LONGEST} characters")
        return value


class _Bounds(NodeTransformer):
    """Leads loops and `~` through the environment's limits."""

    def __init__(self, environment: _Environment) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the visitor's naming
        self.generic_visit(node)
        node.iter = self._call("_turning", [cast("nodes.Expr", node.iter)], node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._call("_joined", node.nodes, node.lineno)

    def _call(self, name: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
        called = nodes.Name(name, "load", lineno=line)
        made = nodes.Call(called, arguments, [], None, None, lineno=line)
        return made.set_environment(self._environment)  # type: ignore[return-value]


def _join(values: Iterable[Any], separator: str = "") -> str:
    texts = [str(value) for value in values]
    _fits(sum(map(len, texts)) + len(texts) * len(separator))
    return separator.join(texts)


def _replace(text: str, old: str, new: str) -> str:
    _fits(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _fits(length: int) -> None:
    if length > LONGEST:
        raise _OverLimitError(f"a value in it is longer than {LONGEST}")


def _bearable(value: Any) -> Any:
    if isinstance(value, str | list | tuple):
        _fits(len(value))
    if isinstance(value, int | float) and abs(value) > _LARGEST:
        raise _OverLimitError(f"a number in it is larger than {_LARGEST}")
    return value
