"""Each metric of the catalogue: how many series now, empty, or rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..catalogue import Metric
from ..errors import KnownError, RejectedError, UnavailableError
from ..job import Job
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from .asking import Asking, total
from .expected import EVERYWHERE, SOMEWHERE, TOGETHER, series_names
from .finding import Code, Finding, Level, of_error


def catalogue(asking: Asking, job: Job) -> Iterator[Finding]:
    """Yield a finding for each metric, the empty ones last; only their number is fetched."""
    found: dict[str, int] = {}
    empty: list[Metric] = []
    for metric in job.metrics:
        try:
            found[metric.name] = total(asking.raw(f"count({metric.query}\n)"))
        except RejectedError as error:
            cure = "correct its query: `promferry metrics lint`, `promferry metrics show`"
            yield Finding(Level.WRONG, Code.METRIC_REJECTED, metric.name, str(error), cure)
        except TooMuchError as error:
            yield Finding(
                Level.DOWN, Code.METRIC_TOO_MUCH, metric.name,
                f"too much for the server even for one moment: {error}",
                "raise the server's limits (Prometheus: --query.max-samples, --query.timeout), or"
                f" leave it out: METRICS=-{metric.name}",
            )  # fmt: skip
        except (KnownError, BrokenAnswerError) as error:
            if isinstance(error, UnavailableError) or not asking.is_up():
                raise  # the others would only knock again
            yield of_error(error, Code.METRIC, metric.name)
        else:
            series = found[metric.name]
            if series:
                facts = {"series": series}
                yield Finding(Level.OK, Code.METRIC, metric.name, f"{series} series", "", facts)
            else:
                empty.append(metric)
    for metric in empty:
        yield _empty(metric, found, asking)


def _empty(metric: Metric, found: Mapping[str, int], asking: Asking) -> Finding:
    """Say whether it was to be expected that a metric has no series."""
    name, facts = metric.name, {"series": 0}
    other, shows, cure = TOGETHER.get(name, ("", "", ""))
    if found.get(other):
        text = f"no series now, though {shows}"
    elif name in EVERYWHERE:
        text = "no series now, and every cluster has some"
        cure = f"try the query: `promferry metrics show {name}`; docs/metrics.md says what it needs"
    elif name in SOMEWHERE:
        text = f"no series now, as where {SOMEWHERE[name]}"
        return Finding(Level.OK, Code.METRIC_EMPTY, name, text, "", facts)
    else:
        names = series_names(metric.query)
        gone = _gone(names, asking)
        if names and not gone:
            text = "no series now: what it is made of is there, and none of it fits"
            return Finding(Level.OK, Code.METRIC_EMPTY, name, text, "", facts)
        text = "no series now" + (f": this server has no {', '.join(gone)}" if gone else "")
        cure = f"check its definition (`promferry metrics show {name}`), or what is to be scraped"
    return Finding(Level.NOTE, Code.METRIC_UNEXPECTED, name, text, cure, facts)


def _gone(names: Sequence[str], asking: Asking) -> list[str]:
    return [name for name in names if not asking.count(name)]
