"""The ledger: the state as it is kept in the sink, safe against crashes and a second run."""

from __future__ import annotations

import io
import logging
from typing import Final

from . import layout
from .clock import Clock
from .errors import ConflictError, TryLaterError
from .rebuild import rebuild
from .retry import Retries, RetryPolicy
from .sink import ABSENT, Sink
from .state import Change, Ran, State, from_json, to_json

log = logging.getLogger(__name__)

_TRIES: Final = 20
_MEANWHILE: Final = RetryPolicy(tries=5, first=0.02)
_AT_THE_END: Final = RetryPolicy(tries=30, first=0.02, longest=1.0, patience=20.0)
"""How often a put that another run came before is repeated; 20 s are within a pod's grace period"""


class Ledger:
    """The state of one cluster, loaded once and saved after every change.

    Saving reads what is stored now, applies what this run has changed, and puts the result on the
    condition that nobody else has put meanwhile. Where the store has no conditions, a change of
    ours that another run overwrote is seen at the next save, and `close()` looks once more.
    Where many runs write one state, what a run records may gather and be saved together: a shard
    that is slower than the others would otherwise wait for its turn window by window.
    """

    def __init__(self, sink: Sink, cluster: str, clock: Clock, time_frame: int) -> None:
        self._sink = sink
        self._cluster = cluster
        self._clock = clock
        self._time_frame = time_frame
        self._key = f"{cluster}/{layout.STATE}"
        self._changes: list[Change] = []
        self._pending = 0  # how many of the last changes the document we wrote does not hold
        self._written: bytes | None = None
        self._last_read: bytes | None = None
        self.state = State()
        self.is_new = False

    @property
    def place(self) -> str:
        """Where the state lies, for people."""
        return self._sink.locate(self._key)

    def load(self, *, repair: bool = True) -> None:
        """Read the state; a damaged one is kept aside and rebuilt from the objects in the sink.

        With `repair` off nothing is written: a damaged state is rebuilt in memory alone.
        """
        found, _ = self._read(repair=repair)
        self.is_new = found is None
        self.state = found or State()

    def record(self, *changes: Change) -> None:
        """Apply changes and save them, or with the next that is recorded if others are faster."""
        self._changes.extend(changes)
        self._pending += len(changes)
        self._save(_MEANWHILE)

    def note(self, *changes: Change) -> None:
        """Apply changes; they are saved with the next that is recorded."""
        self._changes.extend(changes)
        self._pending += len(changes)
        for change in changes:
            self.state = change.apply(self.state)

    def close(self) -> None:
        """Make sure that what this run recorded is what the store holds.

        Raises `TryLaterError` where other runs write the state without a pause.
        """
        for _ in range(_TRIES):
            if self._pending and not self._save(_AT_THE_END):
                raise TryLaterError(
                    f"{self.place} could not be saved: other runs kept writing it; the next run"
                    " exports again what it does not say"
                )
            if not self._changes or self._holds_ours():
                return
            self._pending = len(self._changes)
        log.warning("%s: another run keeps writing it; it may redo windows of this run", self.place)

    def _holds_ours(self) -> bool:
        found, _ = self._read()
        if found is None:
            return False
        replayed = found
        for change in self._changes:
            if not isinstance(
                change, Ran
            ):  # of two runs that end together, either may have said it
                replayed = change.apply(replayed)
        return replayed == found

    def _save(self, policy: RetryPolicy) -> bool:
        """Put what is stored with our changes applied; return whether no other run was faster."""
        retries = Retries(policy, self._clock)
        while True:
            found, version = self._read()
            self.state = self._replay(found)
            text = to_json(self.state, self._cluster, self._clock.now())
            try:
                self._sink.put(self._key, io.BytesIO(text), if_version=version)
            except ConflictError:
                self._written = None
                if not retries.wait():
                    return False
            else:
                self._written, self._pending = text, 0
                return True

    def _replay(self, found: State | None) -> State:
        state = found if found is not None else State()
        untouched = self._written is not None and self._last_read == self._written
        changes = (
            self._changes[len(self._changes) - self._pending :] if untouched else self._changes
        )
        for change in changes:
            state = change.apply(state)
        return state

    def _read(self, *, repair: bool = True) -> tuple[State | None, str]:
        """Return the stored state (None: there is none) and its version."""
        self._last_read = None
        blob = self._sink.get(self._key)
        if blob is None:
            return None, ABSENT
        with blob.body as body:
            text = body.read()
        try:
            state = from_json(text, self.place)
        except ValueError as error:
            return self._repaired(text, str(error), repair=repair), blob.version
        self._last_read = text
        return state, blob.version

    def _repaired(self, text: bytes, reason: str, *, repair: bool) -> State:
        stamp = int(self._clock.now())
        aside = f"{self._cluster}/_state.damaged-{stamp}.json"
        if repair:
            self._sink.put(aside, io.BytesIO(text))
        log.warning(
            "%s can't be read (%s); %s, and it is rebuilt from the objects in the sink",
            self.place,
            reason,
            f"it is kept as {self._sink.locate(aside)}" if repair else "it is left as it is",
        )
        if self._changes:  # it was damaged while this run went on: what we know is newer
            return self.state
        return rebuild(self._sink, self._cluster, self._time_frame)
