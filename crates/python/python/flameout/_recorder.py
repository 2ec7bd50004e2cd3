"""What recorders of all frameworks have in common."""

from __future__ import annotations

from flameout._native import Curve
from flameout._recording import Recording
from flameout.guard import Action, Guard, Sentry
from flameout.judgement import Judgement, judge

#: Steps between two states that are kept.
EVERY = 50


class RecorderBase:
    """What a recorder tells of its recording."""

    _recording: Recording
    _sentry: Sentry | None = None

    def _watch_by(self, guard: Guard | None) -> None:
        if guard is not None:
            self._sentry = Sentry(guard, self._recording.directory.path / "guard.jsonl")

    @property
    def actions(self) -> list[Action]:
        """What the guard has done; `guard.jsonl` in the directory says the same, a line each."""
        return [] if self._sentry is None else list(self._sentry.actions)

    @property
    def caught(self) -> bool:
        """Whether something has gone wrong and was written down."""
        return self._recording.caught

    @property
    def judgement(self) -> Judgement:
        """What the curve tells: that of the moment at which something went wrong, or of now."""
        return self._recording.judgement or judge(self.curve())

    @property
    def bytes(self) -> int:
        """The memory that states and batches take."""
        return self._recording.bytes

    def curve(self) -> Curve:
        """Return losses and learning rates of the steps so far."""
        return self._recording.curve.curve()

    def write(self) -> None:
        """Write down what was kept, though nothing has gone wrong."""
        if not self.caught:
            self._recording.write(self.judgement)
