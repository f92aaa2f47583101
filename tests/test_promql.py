"""Matchers and a cluster label in the syntax tree, checked against a real Prometheus."""

from __future__ import annotations

import contextlib
import itertools
import math
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from promferry.core.promql import check, check_matchers, work_in
from promferry.core.promql_fault import QueryError, viable
from promferry.core.promql_tokens import plain_strings, tokens
from tests.servers.history import History
from tests.servers.process import ServerError
from tests.servers.prometheus import Prometheus

T0: Final = 1_759_622_400
AT: Final = T0 + 3000
CLUSTERS: Final = ("east", "west")
ODD: Final = 'a"b\\c\nd\t東京 🚢'

# Each of these means the same over one cluster as, rewritten, over each of many.
KEPT: Final = r"""
x
x{a="1"}
x{a=~"1|2", b!~"q.*", c!=""}
{__name__=~"x|y"}
x offset 5m
x offset -5m
x @ 1759623000
x @ 1759623000.5 offset 1h30m
x @ start()
x @ end() offset 90s
rate(c_total[5m])
rate(c_total[1h30m] offset 10m)
increase(c_total[90s] @ 1759623600)
rate(c_total[150500ms])
max_over_time(rate(c_total[5m])[30m:1m])
max_over_time(rate(c_total[5m])[30m:])
sum_over_time((x > 1)[10m:30s] offset 5m)
sum_over_time(x[10m:30s] @ 1759623600 offset -10m)
-x ^ 2
(-x) ^ 2
-(x ^ 2)
2 ^ x ^ 2
(2 ^ x) ^ 2
-2 ^ 2 * x
10 - (x - 3)
10 - x - 3
2 - -x
- -x
+x
x * 2 + 1 / 3 % 2
x > 1
x > bool 1
x == bool on (a, b) y
x >= bool y
x + y
x * on (a, b) y
x * on (a, b) group_left () y
x * on (a, b) group_left (c) y
z * on (a) group_right (c) x
x * ignoring (c) y
x * ignoring (c, b) group_left () z
x * ignoring (b, c) group_left (d) z
x / ignoring (cluster, c) y
x / on (cluster, a, b) y
x and y
x and on (a) y
x unless ignoring (b, c) z
x or y
x or on (a) y
x or on () y
x atan2 on (a, b) y
sum(x)
sum by () (x)
sum by (a) (x)
sum by (cluster, a) (x)
sum without (a) (x)
sum without (a, cluster) (x)
sum without () (x)
avg(x)
count by (a) (x > 1)
min(x) by (b)
max without (b) (x)
group(x)
stddev by (a) (x)
stdvar(x)
topk(1, x)
topk by (a) (1, x)
bottomk(2, x)
quantile(0.9, x)
quantile by (a) (0.5, x)
count_values("v", x)
count_values by (a) ("v", x)
sum(sum by (a) (x))
sum by (a) (x) / on (a) group_left () sum by (a) (y)
sum by (a) (x) / sum(x) * 0 + 1 or sum by (a) (x)
sum(x) / count(x)
sum(x) * vector(2)
vector(2) * sum(x)
sum(x) + on () group_left () vector(1)
sum by (a) (x) and on () vector(1)
sum by (a) (x) * ignoring (a) group_left () sum(y)
label_replace(x, "n", "$1-\"q\"", "a", "(.*)")
label_replace(x, "n", "é\\d", "a", ".*")
label_join(x, "n", ",", "a", "b")
histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))
histogram_quantile(0.9, rate(h_bucket[5m]))
clamp(x, 1, 2)
round(x, 0.5)
abs(x) > Inf
x < Inf
x == NaN
x > -Inf
x * 1e-10
x * 0x1F
x * 1e21
x * 123456789.123
time() - x
x * time()
x + scalar(vector(3))
day_of_week(x)
timestamp(x)
sort(x)
last_over_time(x[10m])
quantile_over_time(0.5, x[10m])
predict_linear(x[10m], 3600)
changes(x[1h])
n
sum by (a) (n)
odd{v="a\"b\\c\nd\t東京 🚢"}
odd{v='a"b\\c\nd\t\u6771\U00004eac 🚢'}
odd{v="a\"b\\c\nd\t\xe6\x9d\xb1京 🚢"}
raw{v=`\d+"x`}
raw{v=~`\\d.+"x`}
sum by (by, on, bool, offset) (keywords)
keywords{by="1", on="2", bool="3", offset="4", start="5"}
x # a comment with { and "
""".strip().splitlines()  # fmt: skip


def history(clusters: Iterable[str], *, labelled: bool) -> History:
    """Return series of clusters whose objects have the same names."""
    made = History()
    stamps = [float(T0 + 60 * n) for n in range(120)]
    for cluster in clusters:
        number = CLUSTERS.index(cluster)
        own = {"cluster": cluster} if labelled else {}

        def gauge(
            name: str, labels: dict[str, str], base: float, own: dict[str, str] = own
        ) -> None:
            samples = [(t, base + (n % 7) / 8) for n, t in enumerate(stamps)]
            made.add(name, {**own, **labels}, samples)

        for a, b in itertools.product("12", "pq"):
            base = int(a) + (0.25 if b == "q" else 0) + 5 * number
            gauge("x", {"a": a, "b": b, "c": f"c{a}"}, base)
            gauge("y", {"a": a, "b": b, "c": f"c{a}"}, 2 * base)
        for a in "12":
            gauge("z", {"a": a, "d": f"{cluster}-{a}"}, 3 + int(a))
            counted = [(t, n * (1.5 + int(a) + number)) for n, t in enumerate(stamps)]
            made.add("c_total", {**own, "a": a}, counted)
        if number == 0:  # only one cluster has it
            gauge("z", {"a": "3"}, 1)
        for le, share in (("0.1", 1.0), ("1", 2.0), ("+Inf", 3.0)):
            grown = [(t, n * share * (number + 1)) for n, t in enumerate(stamps)]
            made.add("h_bucket", {**own, "le": le}, grown)
        made.add("n", {**own, "a": "1"}, [(t, math.nan) for t in stamps])
        gauge("odd", {"v": ODD}, 1 + number)
        gauge("raw", {"v": r'\d+"x'}, 1 + number)
        words = {"by": "1", "on": "2", "bool": "3", "offset": "4", "start": "5"}
        gauge("keywords", words, 1 + number)
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus that holds both clusters."""
    both = history(CLUSTERS, labelled=True)
    with Prometheus(tmp_path_factory.mktemp("both"), history=both) as server:
        yield server


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Prometheus]]:
    """Give each cluster's own Prometheus, where nothing has a cluster label."""
    with contextlib.ExitStack() as stack:
        yield {
            cluster: stack.enter_context(
                Prometheus(
                    tmp_path_factory.mktemp(cluster), history=history([cluster], labelled=False)
                )
            )
            for cluster in CLUSTERS
        }


Answer = dict[frozenset[tuple[str, str]], tuple[tuple[float, str], ...]]


def answer(store: Prometheus, query: str) -> Answer:
    """Return what a range query answers, series by series, to the last digit."""
    found = store.api_range(query, AT, AT + 600, 60)
    return {frozenset(s["metric"].items()): tuple(map(tuple, s["values"])) for s in found}


def rounded(series: Answer) -> dict[Any, Any]:
    """Return values to ten digits: sums in another order differ in the last ones."""
    return {
        labels: [(t, "NaN" if value == "NaN" else f"{float(value):.10g}") for t, value in values]
        for labels, values in series.items()
    }


@pytest.mark.parametrize("query", KEPT)
def test_writing_the_tree_keeps_the_meaning(store: Prometheus, query: str) -> None:
    """With a matcher that fits everything, a rewritten query answers the same to the last digit."""
    if "scalar" in query or "vector" in query:
        rewritten = work_in(query, 'cluster!="nowhere"', None)
    else:
        rewritten = work_in(query, 'cluster=~".*", cluster!="nowhere"', None)
    try:
        expected = answer(store, query)
    except Exception:  # noqa: BLE001 - a query that fails over two clusters fails as well rewritten
        with pytest.raises(Exception, match=r"duplicate|many|matching"):
            answer(store, rewritten)
    else:
        assert answer(store, rewritten) == expected


def assert_each_alone(store: Prometheus, alone: dict[str, Prometheus], query: str) -> None:
    """Compare one answer over all clusters with the answers of each cluster's own Prometheus."""
    together = rounded(answer(store, work_in(query, None, "cluster")))
    expected: dict[Any, Any] = {}
    for cluster, server in alone.items():
        own = ("cluster", cluster)
        for labels, values in rounded(answer(server, query)).items():
            expected[labels | {own}] = values
    assert together == expected


@pytest.mark.parametrize("query", KEPT)
def test_over_many_clusters_the_answer_is_that_of_each(
    store: Prometheus, alone: dict[str, Prometheus], query: str
) -> None:
    """With CLUSTER_LABEL, a shared store answers what each cluster's own Prometheus would."""
    assert_each_alone(store, alone, query)


@pytest.mark.parametrize("query", KEPT)
def test_working_in_twice_is_working_in_once(query: str) -> None:
    once = work_in(query, 'cluster="east", q!=`a"b`', "cluster")
    assert work_in(once, 'q!="a\\"b", cluster="east"', "cluster") == once


def test_nothing_to_work_in_leaves_the_text_alone() -> None:
    """Whatever the dialect, white space and comments included."""
    text = "WITH (a = b)\n  sum( a ) default 0 # MetricsQL"
    assert work_in(text, None, None) == text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x", 'x{cluster="e"}'),
        ('x{cluster="e"}', 'x{cluster="e"}'),
        ('{__name__=~"x.*"}', '{__name__=~"x.*", cluster="e"}'),
        ('x{a="1" or b="2"}', 'x{a="1", cluster="e" or b="2", cluster="e"}'),
        ("rate(x[5m] offset 1m)", 'rate(x{cluster="e"}[5m] offset 1m)'),
        ('{"a.b", "c.d"="e"}', '{__name__="a.b", "c.d"="e", cluster="e"}'),
        ("absent(x)", 'absent(x{cluster="e"})'),
        ("topk(scalar(y), x)", 'topk by (cluster) (scalar(y{cluster="e"}), x{cluster="e"})'),
        (
            "x * on (a) group_left (cluster, b) y",
            'x{cluster="e"} * on (a, cluster) group_left (b) y{cluster="e"}',
        ),
        ("x + fill_left (1) y", 'x{cluster="e"} + fill_left (1) y{cluster="e"}'),
    ],
)
def test_what_is_written(query: str, expected: str) -> None:
    assert work_in(query, 'cluster="e"', "cluster") == expected


@pytest.mark.parametrize(
    "query", ["scalar(x)", "absent(x)", "1 + scalar(sum(x))", "x * on (a) vector(1)"]
)
def test_what_cannot_keep_the_label_is_refused(query: str) -> None:
    """Rather than answering for all clusters at once."""
    with pytest.raises(QueryError, match="CLUSTER_LABEL"):
        work_in(query, None, "cluster")


@pytest.mark.parametrize(
    "text",
    [
        '{a="b"}', 'a="b"} or x{c="d"', "a", 'a="b" or c="d"', '__name__="y"', "", " , ",
        'a=~"("', 'a="b"}[5m', 'a="b"} offset 5m #', "a='b", 'a="b"}\n#', '1="a"',
    ],
)  # fmt: skip
def test_what_is_no_list_of_matchers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_matchers(text)


@pytest.mark.parametrize("text", ['a="b"', "a='b'", 'a=~"b|c", d!="",', 'a="}\\"{"', "a=`\\d`"])
def test_lists_of_matchers(text: str) -> None:
    check_matchers(text)


@pytest.mark.parametrize(
    ("query", "line", "column", "near"),
    [
        ("sum by (a (x)", 1, 11, "("),
        ("rate(x)", 1, 7, ")"),
        ("1 +\n  foo(x)", 2, 3, "foo"),
        ("sum(x", 1, 6, ""),
        ("x{a=b}", 1, 5, "b"),
        ("x{a='b'} y", 1, 10, "y"),
        ("sum(\n  rate(x[5m]))\n)", 3, 1, ")"),
        ("x[5x]", 1, 4, "x"),
        ("sum by (job:x) (x)", 1, 9, "job:x"),
        ("x and", 1, 6, ""),
        ("", 1, 1, ""),
    ],
)
def test_a_fault_has_its_place(query: str, line: int, column: int, near: str) -> None:
    with pytest.raises(QueryError) as caught:
        check(query)
    fault = caught.value
    assert (fault.line, fault.column, fault.near) == (line, column, near), str(fault)
    assert not fault.dialect


@pytest.mark.parametrize("query", KEPT)
def test_no_place_is_before_the_fault(query: str) -> None:
    """Every beginning of a right query can still become one, so a fault's place is never in it."""
    plain = plain_strings(query)
    words = list(tokens(plain))
    for count in range(1, len(words) + 1):
        assert viable(plain, words[:count]), plain[: words[count - 1].end]


@pytest.mark.parametrize(
    "query",
    [
        "x default 0",
        "WITH (a=b) a",
        "label_set(x, 'a', 'b')",
        "range_max(x)",
        "x keep_metric_names",
    ],
)
def test_metricsql_is_told_from_a_mistake(query: str) -> None:
    with pytest.raises(QueryError) as caught:
        check(query)
    assert caught.value.dialect


@pytest.mark.parametrize(
    "query",
    ["(" * 30_000 + "x" + ")" * 30_000, "-" * 90_000 + "x", "x" + "+x" * 60_000, "abs(" * 30_000],
)
def test_nesting_cannot_crash_the_process(query: str) -> None:
    """The parser would overflow the stack; a process of its own shows that it does not."""
    code = (
        "import sys; from promferry.core.promql import work_in; "
        "work_in(sys.stdin.read(), None, 'c')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=query, text=True, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "nested deeper" in done.stderr


def test_a_long_chain_is_written_or_refused() -> None:
    """Never a RecursionError: each is either written or one known error."""
    for count in (50, 400, 1500):
        try:
            assert work_in("x" + "+x" * count, None, "c").count("x") == count + 1
        except QueryError as error:
            assert "nested" in error.message  # noqa: PT017 - either outcome is right


LEAVES = st.sampled_from(["x", 'x{a="1"}', "y", "z", "x offset 5m", "sum by (a) (y)"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    aggregated = st.builds(
        "{0} {1} ({2})".format,
        st.sampled_from(["sum", "max", "min", "count", "group"]),
        st.sampled_from(["", "by (a)", "by (a, b)", "without (a)", "without (b, c, d)"]),
        inner,
    )
    joined = st.builds(
        "({0}) {1} {2} ({3})".format,
        inner,
        st.sampled_from(["and", "or", "unless"]),
        st.sampled_from(["", "on (a)", "ignoring (b)", "on ()"]),
        inner,
    )
    called = st.builds(
        "{0}".format,
        st.one_of(
            st.builds("abs({0})".format, inner),
            st.builds("-({0})".format, inner),
            st.builds("({0}) * 2".format, inner),
            st.builds("({0}) > 2".format, inner),
            st.builds("max_over_time(({0})[5m:1m])".format, inner),
            st.builds('label_replace({0}, "n", "v", "", "")'.format, inner),
        ),
    )
    return st.one_of(aggregated, joined, called)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=st.recursive(LEAVES, _grown, max_leaves=6))
def test_any_query_over_many_clusters_is_that_of_each(
    store: Prometheus, alone: dict[str, Prometheus], query: str
) -> None:
    """As above, for queries that nobody thought of."""
    try:
        for server in alone.values():
            answer(server, query)
    except ServerError as error:
        assume("same labelset" not in str(error))  # wrong over one cluster too: nothing to compare
        raise
    assert_each_alone(store, alone, query)
