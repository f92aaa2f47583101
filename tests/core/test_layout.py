"""Keys: the contract's layout, and back; what is foreign is never taken for ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promferry.core import layout
from promferry.core.windows import DAY, midnight

MOMENTS = st.integers(2 * 366 * DAY, 8000 * 365 * DAY)


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        (1759622400, "end=20251101/day=5/metric=cpu_requests/1759622400_cpu_requests.json.gz"),
        (1767225599, "end=20260101/day=31/metric=cpu_requests/1767225599_cpu_requests.json.gz"),
        (1767225600, "end=20260201/day=1/metric=cpu_requests/1767225600_cpu_requests.json.gz"),
        (1709164800, "end=20240301/day=29/metric=cpu_requests/1709164800_cpu_requests.json.gz"),
        (1733011200, "end=20250101/day=1/metric=cpu_requests/1733011200_cpu_requests.json.gz"),
    ],
)
def test_a_key_is_as_the_contract_says(moment: int, key: str) -> None:
    assert layout.key("prod", "cpu_requests", moment) == f"prod/{key}"


@given(MOMENTS, st.from_regex(r"[a-z0-9_]+", fullmatch=True))
def test_a_key_leads_back_to_metric_and_start(moment: int, metric: str) -> None:
    _, month_folder, day_folder, metric_folder, name = layout.key("c", metric, moment).split("/")
    month = layout.month_of(month_folder)
    assert month is not None
    day = layout.day_of(month, day_folder)
    assert day == midnight(moment)
    assert layout.metric_of(metric_folder) == metric
    assert layout.place_of(day, metric, name) == layout.Place(moment, metric)


@pytest.mark.parametrize(
    "folder",
    ["end=2025110", "end=20251102", "end=20251301", "end=20250001", "End=20251101", "end=20251101x",
     "end=00000101", "x", "", "end=", "end=20251101/"],
)  # fmt: skip
def test_a_foreign_month_is_not_ours(folder: str) -> None:
    assert layout.month_of(folder) is None


@pytest.mark.parametrize("folder", ["day=0", "day=05", "day=32", "day=31", "day=", "day=1 ", "d=1"])
def test_a_foreign_day_is_not_ours(folder: str) -> None:
    """February has no 31st, and days are not padded."""
    assert layout.day_of((2025, 2), folder) is None


@pytest.mark.parametrize(
    "name",
    ["1759622400_cpu.json", "1759622400_mem.json.gz", "01759622400_cpu.json.gz", "x_cpu.json.gz",
     "1759708800_cpu.json.gz", "1759622399_cpu.json.gz", "1759622400_cpu.json.gz.bak", "README"],
)  # fmt: skip
def test_a_foreign_file_is_not_ours(name: str) -> None:
    """Not another metric's, nor one of another day, nor one that only looks alike."""
    assert layout.place_of(1759622400, "cpu", name) is None
