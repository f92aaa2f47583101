"""The job: its settings, gathered and checked as a whole, and the run itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from . import catalogue, planner, retention, scheduler
from .authentication import Authentication, Chosen, choose
from .catalogue import Catalogue, Metric
from .environ import read
from .errors import ConfigurationError, Interrupted, KnownError
from .exits import Exit, status_of
from .export import Exporter, Task, Written
from .ledger import Ledger
from .pace import Pace
from .place import ChosenSink, choose_sink
from .plugins import Plugins
from .progress import progress
from .prometheus.client import Client
from .prometheus.session import open_session
from .retry import RetryPolicy
from .scheduler import Ended, Outcome
from .settings import (
    CatalogueSettings,
    JobSettings,
    LogSettings,
    PluginSettings,
    ServerSettings,
    WindowSettings,
)
from .setup import Setup
from .sink import Sink
from .state import Began, Exported, Failed, Failure, Forgotten, Framed, Ran
from .summary import Summary
from .telemetry import MetricOutcome, RunOutcome, TelemetrySettings, publish
from .times import iso
from .windows import midnight

log = logging.getLogger(__name__)


@attrs.frozen
class Job:
    """Everything that a run needs to know, checked; nothing is opened yet."""

    job: JobSettings
    server: ServerSettings
    windows: WindowSettings
    telemetry: TelemetrySettings
    sink: ChosenSink
    auth: Chosen
    catalogue: Catalogue
    catalogue_settings: CatalogueSettings

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """This run's share of the metrics."""
        if self.job.shard is None:
            return self.catalogue.metrics
        number, count = self.job.shard
        return self.catalogue.metrics[number::count]


def gather(environ: Mapping[str, str]) -> Job:
    """Read and check all settings; every problem of all of them is in one error."""
    errors: list[ConfigurationError] = []

    def tried(make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ConfigurationError as error:
            errors.append(error)
            return None

    plugins = Plugins()
    job = tried(lambda: read(JobSettings, environ))
    server = tried(lambda: read(ServerSettings, environ))
    windows = tried(lambda: read(WindowSettings, environ))
    telemetry = tried(lambda: read(TelemetrySettings, environ))
    tried(lambda: read(LogSettings, environ))
    setting = tried(lambda: read(PluginSettings, environ))
    wanted = tried(lambda: read(CatalogueSettings, environ))
    sink: Any = None
    auth: Any = None
    metrics: Any = None
    if setting is not None:
        sink = tried(lambda: choose_sink(plugins, setting, environ))
        auth = tried(lambda: choose(plugins, setting, environ))
    if wanted is not None:
        metrics = tried(lambda: catalogue.load(wanted, plugins.query_packs().values()))
    if errors:
        raise ConfigurationError.of(errors)
    return Job(job, server, windows, telemetry, sink, auth, metrics, wanted)


@attrs.frozen
class Wish:
    """What the command line asks for beyond the settings: a range to export again, Unix seconds."""

    begin: int | None = None
    end: int | None = None


class Run:
    """One run of the job: opened, planned, carried out."""

    def __init__(self, job: Job, setup: Setup, policy: RetryPolicy | None = None) -> None:
        self._job = job
        self._setup = setup
        self._clock = setup.clock
        self._policy = policy or RetryPolicy()
        self._cluster = job.job.cluster
        self._summary = Summary(self._clock.now())

    def plan(self, wish: Wish) -> list[Task]:
        """Return the work that is due without writing or asking anything of Prometheus."""
        with _closing(self._open_sink(self._authenticate())) as sink:
            ledger = self._ledger(sink)
            ledger.load(repair=False)
            return self._plan(ledger, wish)

    def carry_out(self, wish: Wish) -> int:
        """Export what is due, apply retention, and return the exit status."""
        authentication = self._authenticate()
        server = open_session(self._job.server, authentication)
        with _closing(self._open_sink(authentication)) as sink:
            ledger = self._ledger(sink)
            ledger.load()
            tasks = self._plan(ledger, wish)
            pace = Pace(self._job.job.query_delay, self._clock)
            exporter = Exporter(
                Client(server, self._job.server.query_timeout, self._clock),
                sink,
                cluster=self._cluster,
                time_frame=self._job.windows.time_frame,
                pace=pace,
                clock=self._clock,
                stop=self._setup.stop,
                policy=self._policy,
            )
            try:
                self._export(tasks, exporter, ledger, sink, again=wish.begin is not None)
                pruned = self._prune(sink, ledger)
            except (KnownError, Interrupted) as error:
                self._finish(ledger, pace, status_of(error))
                raise
            incomplete = self._summary.missing or not pruned
            return self._finish(ledger, pace, Exit.INCOMPLETE if incomplete else Exit.DONE)

    def _authenticate(self) -> Authentication:
        return self._job.auth.open(
            cluster=self._cluster, url=self._job.server.url, now=self._clock.now
        )

    def _open_sink(self, authentication: Authentication) -> Sink:
        return self._job.sink.open(self._cluster, authentication.aws)

    def _ledger(self, sink: Sink) -> Ledger:
        return Ledger(sink, self._cluster, self._clock, self._job.windows.time_frame)

    def _plan(self, ledger: Ledger, wish: Wish) -> list[Task]:
        """Say what is due, after noting where new metrics and a new time frame begin."""
        settings, now = self._job.windows, self._clock.now()
        within = planner.horizon(settings, now)
        if ledger.is_new and wish.begin is None:
            planner.check_beginning(settings, now)
        self._frame(ledger, now)
        if wish.begin is not None:
            end = wish.end if wish.end is not None else within.newest
            return planner.again(self._job.metrics, ledger.state, wish.begin, end, within)
        for metric in self._job.metrics:
            if metric.name not in ledger.state.metrics:
                since = planner.beginning(settings, ledger.state, now)
                ledger.note(Began(metric.name, since))
        return planner.due(self._job.metrics, ledger.state, within)

    def _frame(self, ledger: Ledger, now: float) -> None:
        """Let a changed `TIME_FRAME` begin with the first day that nothing is exported of."""
        frame, state = self._job.windows.time_frame, ledger.state
        if not state.grid.frames:
            ledger.note(Framed(midnight(int(now)), frame))
        elif state.grid.frames[-1][1] != frame:
            spans = [span for each in state.metrics.values() for span in each.exported]
            last = max((end for _, end in spans), default=0)
            day = midnight(last - 1) + 86_400 if last else midnight(int(now))
            log.info(
                "TIME_FRAME has changed to %d: days already begun keep their windows, new days"
                " have the new ones",
                frame,
            )
            ledger.note(Framed(day, frame))

    def _export(
        self, tasks: list[Task], exporter: Exporter, ledger: Ledger, sink: Sink, *, again: bool
    ) -> None:
        log.info("%d windows to export into %s", len(tasks), sink.locate(self._cluster))
        self._summary.planned = len(tasks)
        with progress(len(tasks)) as bar:

            def do(task: Task) -> Written:
                written = exporter.export(task)
                ledger.record(Exported(task.metric.name, task.window, task.until, task.known))
                return written

            def ended(end: Ended[Task, Written]) -> None:
                self._summary.add(end)
                self._tell(end, sink)
                if end.outcome in (Outcome.FAILED, Outcome.REJECTED):
                    failure = Failure(end.work.until, end.error[:300], int(self._clock.now()))
                    ledger.note(Failed(end.work.metric.name, end.work.window, failure, again))
                bar.advance(end.work.metric.name)

            scheduler.run(
                tasks,
                lane=lambda task: task.metric.name,
                do=do,
                ended=ended,
                stop=self._setup.stop,
            )

    def _tell(self, end: Ended[Task, Written], sink: Sink) -> None:
        task, result = end.work, end.result
        if result is not None:
            log.info(
                "%s: %d series, %d samples, %d bytes, %.2f s",
                sink.locate(result.key),
                result.series,
                result.samples,
                result.size,
                result.seconds,
                extra={
                    "fields": {
                        "key": result.key,
                        "series": result.series,
                        "samples": result.samples,
                        "bytes": result.size,
                        "seconds": round(result.seconds, 3),
                    }
                },
            )
        elif end.outcome is not Outcome.SKIPPED:
            log.error(
                "%s: window %s not exported: %s",
                task.metric.name,
                iso(task.window.start),
                end.error,
            )

    def _prune(self, sink: Sink, ledger: Ledger) -> bool:
        """Apply retention; the first shard does it for all. Returns whether nothing failed."""
        days, shard = self._job.windows.retention_days, self._job.job.shard
        if not days or (shard is not None and shard[0] != 0):
            return True
        before = retention.cutoff(self._clock.now(), days)
        try:
            pruned = retention.prune(
                sink,
                self._cluster,
                before,
                dry_run=False,
                told=lambda place: log.info("deleted %s", place),
            )
        except KnownError as error:
            log.error("retention: %s; the next run retries it", error)  # noqa: TRY400
            return False
        for line in pruned.failed:
            log.error("retention: %s; the next run retries it", line)
        if any(each.since < before for each in ledger.state.metrics.values()):
            ledger.note(Forgotten(before))
        return not pruned.failed

    def _finish(self, ledger: Ledger, pace: Pace, exit_status: int) -> int:
        """Save what is left to save, say what was done, publish it; return the exit status."""
        finished = self._clock.now()
        self._summary.queries, self._summary.query_seconds = pace.queries, pace.seconds
        ledger.note(Ran(self._summary.document(finished, exit_status)))
        try:
            ledger.close()
        except KnownError as error:
            log.error("the state is not saved: %s", error)  # noqa: TRY400
            exit_status = exit_status or Exit.INCOMPLETE
        *missing, closing = self._summary.lines(finished)
        for line in missing:
            log.error("%s", line)
        log.info("%s", closing)
        publish(self._job.telemetry, self._outcome(ledger, finished, exit_status))
        return exit_status

    def _outcome(self, ledger: Ledger, finished: float, exit_status: int) -> RunOutcome:
        state, total = ledger.state, self._summary
        metrics = {}
        for metric in self._job.metrics:
            record = state.metrics.get(metric.name)
            spans = record.exported.spans if record else ()
            gaps = total.missing.get(metric.name, [])
            metrics[metric.name] = MetricOutcome(
                exported_until=spans[-1][1] if spans else None,
                holes=len(gaps),
                failed=bool(gaps),
            )
        return RunOutcome(
            cluster=self._cluster,
            started=total.started,
            finished=finished,
            exit_status=exit_status,
            metrics=metrics,
            objects=total.objects,
            samples=total.samples,
            bytes=total.size,
            queries=total.queries,
            query_seconds=total.query_seconds,
            shard="/".join(map(str, self._job.job.shard or ())),
        )


class _closing:  # noqa: N801 - a context, as contextlib.closing, for a protocol that is no class
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Sink:
        return self._sink

    def __exit__(self, *_: object) -> None:
        self._sink.close()
