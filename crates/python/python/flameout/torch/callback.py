"""What the callbacks of Lightning and Hugging Face share: each feeds a recorder of PyTorch."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from flameout._recorder import EVERY
from flameout.guard import Action, Guard
from flameout.torch.recorder import Recorder as TorchRecorder


class CallbackRecorder:
    """A callback of a trainer that is begun by it, and then feeds a recorder of PyTorch."""

    #: The trainer by name, and its method that trains.
    _trainer_name: ClassVar[str]
    _method: ClassVar[str]

    def __init__(
        self,
        *,
        out: str | os.PathLike[str] = "crash",
        memory: int | str = "1 GiB",
        every: int = EVERY,
        stop: bool = False,
        guard: Guard | None = None,
    ) -> None:
        """Record the training that this callback is given to.

        States and batches take at most `memory`, such as `"1 GiB"`; a state is kept `every` so many steps. With `stop`, the
        training is ended when something has gone wrong. A `guard` leaves updates out or stops, as it is told.
        """
        super().__init__()
        if guard is not None and guard.roll_back:
            name = self._trainer_name
            raise ValueError(f"roll_back is not possible under {name}, which sets learning rates itself; skip and stop are")
        self._options: dict[str, Any] = {"out": out, "memory": memory, "every": every, "guard": guard}
        self._stop = stop
        self._recorder: TorchRecorder | None = None

    @property
    def recorder(self) -> TorchRecorder:
        """The recorder of PyTorch that this callback feeds."""
        if self._recorder is None:
            raise RuntimeError(f"nothing is recorded yet; give this callback to a Trainer, and call its {self._method}")
        return self._recorder

    @property
    def caught(self) -> bool:
        """Whether something has gone wrong and was written down."""
        return self._recorder is not None and self._recorder.caught

    @property
    def actions(self) -> list[Action]:
        """What the guard has done."""
        return self.recorder.actions

    def _begin(self, model: Any, optimizer: Any) -> TorchRecorder:
        """Begin the recording."""
        self._recorder = TorchRecorder(model, optimizer, **self._options)
        return self._recorder

    def _require_new(self) -> None:
        if self._recorder is not None:
            raise ValueError("this callback has recorded a training; make a new one, with another out=")
