"""Where a query goes wrong, and whether it is only another dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .promql_tokens import Token, tokens

# What may follow a word so that the whole becomes a query, before open brackets are closed.
_TAILS: Final = (
    "", "x", "x[1m]", "[1m]", "1", "(x)", "(1, x)", "(x[1m])", '("s", x)', '"s"', '="s"', "1m",
    "1m]", ":]", "]", ", x", ", x[1m]", ", 1", ', "s"', ', "s", "s"', ', "s", "s", "s"',
    ', "s", "s", "s", "s"', ", x[1m], 1", ", 1, 1", '"s", "s"', '"s", "s", "s"', "a) x", "a) (x)",
    ") x", ") (x)", "x, 1", "x[1m], 1, 1", "(1)", "() x", "() (x)", "1) x", '"s", x', "1, x",
    "1, x[1m]", "(a) (x)", "(a) x", "(1) x", ")", 'x, "s", "s", "s", "s"', 'x, "s", "s", "s"',
    "()", '(x, "s", "s", "s", "s")', '(x, "s", "s", "s")', "(x[1m], 1, 1)", "(x, 1)",
    "(1, x[1m])", "(x, 1, 1)", '(x, "s")', ", a) x", ", a) (x)", ":1m]", "{}", '{a="s"}',
    "1m:]", "a) (1, x)", ") (1, x)", 'a) ("s", x)', ') ("s", x)', "1, 1", "[1m], 1", "1m], 1",
    "], 1", "[1m:]", '(a) ("s", x)', '"s", "s", "s", "s"', "x, 1, 1", "x[1m], 1", "(a) (1, x)",
)  # fmt: skip

_OTHER_WORDS: Final = frozenset(("with", "default", "if", "ifnot", "keep_metric_names", "limit"))
_OTHER_FUNCTIONS: Final = re.compile(
    r"label_(set|del|keep|copy|move|map|transform|value|match|mismatch|uppercase|lowercase"
    r"|graphite_group)|labels_equal|range_\w+|running_\w+|rollup\w*|\w+_over_time|\w+_prometheus"
    r"|(top|bottom)k_\w+|outliers\w*|bitmap_\w+|(keep_(last|next)_value|interpolate|alias|union)"
    r"|increase_pure|ideriv|integrate|lag|lifetime|scrape_interval|remove_resets|remove_nan_values"
    r"|smooth_exponential|ascent_over_time|hoeffding_bound_(lower|upper)|limit_offset|histogram"
    r"|prometheus_buckets|buckets_limit|histogram_(avg|share|std\w+)|vmrange\w*|now|rand\w*|ru|ttf"
    r"|any|distinct|geomean|mad|median|mode|share|sum2|zscore|quantiles|quantiles_over_time"
    r"|drop_common_labels|drop_empty_series|sort_by_label_\w+|timezone_offset|tfirst|tlast\w*"
    r"|count_values_over_time|start|end|step|duration_over_time|changes_\w+|deriv_fast|rate_over_sum"
)
_UNKNOWN_FUNCTION: Final = re.compile(r"unknown function with name '(\w+)'")


class QueryError(ValueError):
    """A query that the parser does not take.

    `line` and `column` are counted from 1, in the rendered query; `near` is the word there, empty
    at the end. `dialect` says that the query has the marks of MetricsQL, which the parser does not
    know.
    """

    def __init__(
        self, message: str, query: str = "", at: int | None = None, *, dialect: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.dialect = dialect
        self.line = self.column = 0
        self.near = ""
        if at is not None:
            self.line = query.count("\n", 0, at) + 1
            self.column = at - query.rfind("\n", 0, at)
            self.near = next((t.text[:40] for t in tokens(query[at:])), "")

    @property
    def place(self) -> str:
        """`line 1, column 7, near 'x'`, or nothing where it is not known."""
        if not self.line:
            return ""
        near = f", near {self.near!r}" if self.near else ", at the end"
        return f"line {self.line}, column {self.column}{near}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def locate(query: str, error: ValueError) -> QueryError:
    """Return the fault behind the parser's `error`, which says what is wrong but not where.

    The place is the first word that nothing can follow any more to make a query of it.
    """
    words = list(tokens(query))
    low, high = 0, len(words)  # the first `low` words can still become a query, `high` can't
    while high - low > 1:
        middle = (low + high) // 2
        if viable(query, words[:middle]):
            low = middle
        else:
            high = middle
    # All but the last word being fine and the whole not: either that word, or what is missing.
    whole = high == len(words) and viable(query, words)
    at = len(query.rstrip()) if whole or not words else words[high - 1].start
    message = " ".join(str(error).split())
    if message == "invalid promql query":
        message = "not PromQL"
    unknown = _UNKNOWN_FUNCTION.search(message)
    if unknown:
        at = next((word.start for word in words if word.text == unknown[1]), at)
    return QueryError(message, query, at, dialect=_is_dialect(words, unknown and unknown[1]))


def viable(query: str, words: list[Token]) -> bool:
    """Whether some text behind these first words of `query` makes a whole query."""
    from promql_parser import parse

    if not words:
        return True
    start = query[: words[-1].end]
    for tail in _TAILS:
        text = f"{start} {tail}"
        for closing in _closings(text):
            try:
                parse(text + closing)
            except ValueError:
                continue
            return True
    return False


def _closings(text: str) -> Iterator[str]:
    """Yield what closes the brackets that `text` leaves open; nothing if it closes too many.

    A function may want a range of what stands in a bracket, so a subquery is tried behind each.
    """
    pairs = {"(": ")", "[": "]", "{": "}"}
    missing: list[str] = []
    for token in tokens(text):
        if token.text in pairs:
            missing.insert(0, pairs[token.text])
        elif token.text in pairs.values() and (not missing or missing.pop(0) != token.text):
            return
    yield "".join(missing)
    for place in range(1, len(missing)):
        yield "".join([*missing[:place], "[1m:]", *missing[place:]])


def _is_dialect(words: list[Token], unknown: str | None) -> bool:
    if unknown:
        return bool(_OTHER_FUNCTIONS.fullmatch(unknown))
    return any(word.kind == "word" and word.text.lower() in _OTHER_WORDS for word in words)
