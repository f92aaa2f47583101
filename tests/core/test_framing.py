"""Framing: the lines of any answer are its series, whatever dialect it is in and however it is cut.

What a plain JSON parser makes of the same bytes is the measure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promferry.core.prometheus.errors import BrokenAnswerError, TooMuchError
from promferry.core.prometheus.framing import Counts, Framing

BEGIN, END = 1_759_622_400, 1_759_622_400 + 11_000 * 15
NASTY = '},{"metric":{"x":"y"},"values":[[1,"2"]]}'
TEXTS = st.one_of(
    st.sampled_from([NASTY, "]]},", '"', "\\", "\\\\", '\\"', "\n", "\r\n", "", "\u2028", "ü€😀",
                     "\x00", "]", "}", '"values":[[', '"histograms":', '"metric":']),
    st.text(max_size=12),
)  # fmt: skip
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=4)
VALUES = st.one_of(
    st.sampled_from(["0", "-0", "NaN", "+Inf", "-Inf", "1e+300", "5e-324", "0.30000000000000004"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
TIMES = st.one_of(
    st.integers(BEGIN, END - 1),
    st.integers(BEGIN * 1000, (END - 1) * 1000).map(lambda milliseconds: milliseconds / 1000),
)
SAMPLES = st.lists(st.tuples(TIMES, VALUES).map(list), min_size=1, max_size=4)
HISTOGRAM = st.fixed_dictionaries(
    {"count": VALUES, "sum": VALUES, "buckets": st.just([[0, "1", "2", "3"]])}
)
HISTOGRAMS = st.lists(st.tuples(TIMES, HISTOGRAM).map(list), min_size=1, max_size=2)
SERIES = st.one_of(
    st.fixed_dictionaries({"metric": LABELS, "values": SAMPLES}),
    st.fixed_dictionaries(
        {"metric": LABELS, "histograms": HISTOGRAMS}, optional={"values": SAMPLES}
    ),
)
ENVELOPES = st.sampled_from(
    [
        ("status", "data"),
        ("data", "status"),
        ("status", "isPartial", "data", "warnings", "infos", "stats"),
        ("data", "warnings", "status"),
        ("warnings", "data", "isPartial", "status"),
    ]
)
ABOUT: dict[str, Any] = {
    "status": "success",
    "isPartial": False,
    "warnings": ['a "warning" with "result":[ in it'],
    "infos": ["x"],
    "stats": {"result": [], "data": {"result": [1]}},
}


def answer_of(
    series: Sequence[Any], keys: Iterable[str] = ("status", "data"), *, result_first: bool = False
) -> dict[str, Any]:
    data: dict[str, Any] = {"resultType": "matrix", "result": list(series)}
    if result_first:
        data = dict(reversed(data.items()))
    return {key: data if key == "data" else ABOUT[key] for key in keys}


def framed(chunks: Iterable[bytes]) -> tuple[list[bytes], dict[str, Any], Counts]:
    """Feed chunks; return lines, envelope and counts."""
    framing = Framing(BEGIN, END)
    written = [lines for chunk in chunks for lines in framing.feed(chunk)]
    rest, envelope = framing.finish()
    text = b"".join(written + rest)
    assert text == b"" or text.endswith(b"\n")
    return text.split(b"\n")[:-1], envelope, framing.counts


def agrees(text: bytes, chunks: Iterable[bytes]) -> None:
    """See that what comes out of the chunks is what a plain parser makes of the text."""
    lines, envelope, counts = framed(chunks)
    document = json.loads(text)
    series = document["data"]["result"]
    assert [json.loads(line) for line in lines] == series
    document["data"]["result"] = []
    assert envelope == document
    assert counts.series == len(series)
    assert counts.samples == sum(
        len(each.get("values", ())) + len(each.get("histograms", ())) for each in series
    )
    assert counts.size == sum(len(line) + 1 for line in lines)


WRITERS: list[Callable[[Any], str]] = [
    lambda document: json.dumps(document, separators=(",", ":"), ensure_ascii=False),
    lambda document: json.dumps(document, separators=(",", ":")),  # \u escapes
    json.dumps,
    # Blanks where the usual way of cutting does not stumble over them.
    lambda document: json.dumps(document, separators=(",", ":")).replace('"],[', '"], ['),
    lambda document: json.dumps(document, separators=(",", ":")).replace(',"', ', "'),
    lambda document: json.dumps(document, indent=1),
    lambda document: json.dumps(document, indent="\t").replace("\n", "\r\n"),
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SERIES, max_size=5),
    ENVELOPES,
    st.booleans(),
    st.sampled_from(WRITERS),
    st.lists(st.integers(0, 3000), max_size=6),
)
def test_any_answer_cut_anywhere_gives_its_series(
    series: list[Any],
    keys: tuple[str, ...],
    result_first: bool,  # noqa: FBT001 - hypothesis draws it
    write: Any,
    cuts: list[int],
) -> None:
    text = write(answer_of(series, keys, result_first=result_first)).encode()
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    chunks = [text[a:b] for a, b in pairwise(places)]
    agrees(text, chunks)


SAMPLE_SERIES = [
    {"metric": {}, "values": [[BEGIN, "NaN"], [BEGIN + 0.5, "+Inf"], [END - 1, "-0"]]},
    {"metric": {"a": NASTY, "ü": '\n"\\'}, "values": [[BEGIN, "1e+300"]]},
    {"metric": {"a": ""}, "values": [[BEGIN, "1"], [BEGIN + 300, "2"]]},
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("keys", [("status", "data"), ("data", "warnings", "status")])
def test_an_answer_split_at_every_byte_gives_its_series(write: Any, keys: tuple[str, ...]) -> None:
    """Two chunks with the border at each place, and one chunk a byte."""
    text = write(answer_of(SAMPLE_SERIES, keys)).encode()
    for at in range(len(text) + 1):
        agrees(text, [text[:at], text[at:]])
    agrees(text, [text[at : at + 1] for at in range(len(text))])


@pytest.mark.parametrize("write", WRITERS)
def test_an_answer_cut_short_at_any_byte_is_refused(write: Any) -> None:
    text = write(answer_of(SAMPLE_SERIES)).encode().rstrip()
    for at in range(len(text)):
        with pytest.raises(BrokenAnswerError):
            framed([text[:at]])


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_damaged_byte_is_either_harmless_or_refused(at: int, byte: int) -> None:
    """Never another number of series, never a line that is no JSON."""
    text = bytearray(WRITERS[0](answer_of(SAMPLE_SERIES)).encode())
    text[at % len(text)] = byte
    try:
        lines, _, counts = framed([bytes(text)])
    except (BrokenAnswerError, TooMuchError):
        return
    assert len(lines) == counts.series
    for line in lines:
        try:
            assert set(json.loads(line)) <= {"metric", "values", "histograms"}
        except UnicodeDecodeError:
            pytest.fail(f"not UTF-8: {line!r}")


def test_a_usual_answer_comes_out_byte_for_byte() -> None:
    """Numbers as the server wrote them, to the last digit."""
    series = b'{"metric":{"a":"b"},"values":[[%d.123,"0.1000"],[%d,"1E2"]]}' % (BEGIN, BEGIN + 1)
    text = b'{"status":"success","data":{"resultType":"matrix","result":[' + series + b"]}}"
    assert framed([text])[0] == [series]
    assert framed([text[:90], text[90:]])[0] == [series]


def test_one_series_of_11000_points() -> None:
    values = [[BEGIN + 15 * n, repr(math.sin(n))] for n in range(11_000)]
    text = WRITERS[0](answer_of([{"metric": {"a": "b"}, "values": values}])).encode()
    agrees(text, [text[at : at + 65_536] for at in range(0, len(text), 65_536)])


@pytest.mark.parametrize("moment", [BEGIN - 1, END, BEGIN - 0.001, END + 3600])
def test_a_sample_outside_of_the_range_is_refused(moment: float) -> None:
    """A server that moves the range would put a sample into two files."""
    inside = [BEGIN, "1"]
    outside = [moment, "1"]
    for values in ([outside], [outside, inside] if moment < BEGIN else [inside, outside]):
        series = [{"metric": {}, "values": values}]
        with pytest.raises(BrokenAnswerError, match="outside of the range"):
            framed([WRITERS[0](answer_of(series)).encode()])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"<html><body>Sign in</body></html>", "begins with '<html>"),
        (b"[]", "not an object|begins with"),
        (b'{"status":"success","data":{"result":{}}}', "not an array"),
        (b'{"status":"success","data":{"result":[1]}}', "can't be read|not JSON|cut short"),
        (b'{"data":{"result":[{"metric":{},"values":[]}{"metric":{},"values":[]}]}}', "not JSON"),
        (b'{"data":{"result":[{"metric":{},"values":[[1759622400,"1"]]},]}}', "not JSON"),
        (b'{"data":{"result":[{"values":[[1759622400,"1"]]}]}}', "can't be read"),
        (b'{"data":{"result":[{"metric":{"a":1},"values":[]}]}}', "can't be read"),
        (b'{"data":{"result":[{"metric":{},"values":[[1759622400,1]]}]}}', "can't be read"),
        (b'{"data":{"result":[]},"data":{"result":[{"metric":{},"values":[]}]}}', "twice"),
        (b'{"data":{"result":[]}}garbage', "not JSON|cut short|close"),
    ],
)
def test_what_is_no_answer_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(BrokenAnswerError, match=reason):
        framed([text])


def test_a_series_beyond_all_measure_is_an_error_not_an_allocation() -> None:
    """17 MiB of one label; the buffer never holds more than the bound and a chunk."""
    framing = Framing(BEGIN, END)
    head = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"'
    list(framing.feed(head))
    for _ in range(16 * 16 - 1):
        list(framing.feed(b"x" * (1 << 16)))
    with pytest.raises(TooMuchError, match="larger than 16 MiB"):
        list(framing.feed(b"x" * (1 << 16)))


def test_an_endless_envelope_is_an_error() -> None:
    with pytest.raises(BrokenAnswerError, match="larger than 1 MiB"):
        framed(b" " * (1 << 16) for _ in range(20))
    with pytest.raises(BrokenAnswerError, match="larger than 1 MiB"):
        framed([b'{"data":{"result":[]},"warnings":["', *(b"x" * (1 << 16) for _ in range(20))])


def test_an_error_answer_has_no_series_and_its_envelope_is_whole() -> None:
    text = b'{"status":"error","errorType":"execution","error":"boom"}'
    lines, envelope, _ = framed([text])
    assert lines == []
    assert envelope == {"status": "error", "errorType": "execution", "error": "boom"}
