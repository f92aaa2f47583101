"""Series with a past, written as the text formats that servers import."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

Samples: TypeAlias = Iterable[tuple[float, float]]
"""(Unix time in seconds, value) in order of time."""

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def escape(value: str) -> str:
    """Return a label value as it stands between quotes in the text formats and in PromQL."""
    return value.translate(_ESCAPED)


def selector(name: str, labels: Mapping[str, str]) -> str:
    """Return `name{label="value",...}`."""
    inner = ",".join(f'{key}="{escape(value)}"' for key, value in labels.items())
    return f"{name}{{{inner}}}"


def number(value: float) -> str:
    """Return a sample value as the formats write it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


class History:
    """Series and their samples. A name that ends in `_total` is a counter, any other a gauge."""

    def __init__(self) -> None:
        self._families: dict[str, list[tuple[Mapping[str, str], Samples]]] = {}

    def add(self, name: str, labels: Mapping[str, str], samples: Samples) -> None:
        """Add a series; `samples` is kept as it is and read once for each text that is made."""
        self._families.setdefault(name, []).append((labels, samples))

    def __len__(self) -> int:
        return sum(len(series) for series in self._families.values())

    def series(self) -> Iterator[tuple[str, Mapping[str, str], Samples]]:
        """Yield name, labels and samples of each series, a family after the other."""
        for name, family in self._families.items():
            for labels, samples in family:
                yield name, labels, samples

    def openmetrics(self) -> Iterator[str]:
        """Yield OpenMetrics text, a family after the other, stamps in seconds."""
        last = ""
        for name, labels, samples in self.series():
            if name != last:
                kind = "counter" if name.endswith("_total") else "gauge"
                yield f"# TYPE {name.removesuffix('_total')} {kind}\n"
            last, head = name, selector(name, labels)
            yield "".join([f"{head} {number(v)} {t}\n" for t, v in samples])
        yield "# EOF\n"

    def exposition(self) -> Iterator[str]:
        """Yield the plain exposition format with stamps in milliseconds, as VictoriaMetrics reads.

        NaN has no place in it: VictoriaMetrics drops such samples.
        """
        for name, labels, samples in self.series():
            head = selector(name, labels)
            yield "".join([f"{head} {number(v)} {round(t * 1000)}\n" for t, v in samples])

    def write(self, path: Path) -> None:
        """Write OpenMetrics text to a file."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(self.openmetrics())
