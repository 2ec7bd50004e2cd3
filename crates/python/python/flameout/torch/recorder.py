"""The recorder of a training loop."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from flameout._recorder import EVERY, RecorderBase
from flameout._recording import Recording
from flameout._replay import Plan, diagnose
from flameout.diagnosis import Diagnosis
from flameout.guard import Action, Guard, Sentry, Stopped
from flameout.torch.run import StepFunction, TorchRun


class Step:
    """A step in the making."""

    def __init__(self, indices: Any, rate: float) -> None:
        self.value: torch.Tensor | float | None = None
        self.indices = indices
        #: The learning rate before the step.
        self.rate = rate
        #: The length of the gradient that the optimiser got.
        self.gradient_norm: torch.Tensor | None = None
        #: Whether the guard left the update out.
        self.skipped = False

    def loss(self, value: torch.Tensor) -> torch.Tensor:
        """Take the loss, a tensor with one number, and return it."""
        if value.numel() != 1:
            raise ValueError(f"the loss has {value.numel()} numbers; must be one")
        self.value = value.detach()
        return value


class Recorder(RecorderBase):
    """Keeps what a replay of a training needs: states, batches, states of generators, and the curve.

    Nothing that it does changes the training's numbers. When the loss is not finite, or rises and does not come back, it
    writes what it has kept into the directory `out`, and records only the curve from then on.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        scheduler: Any = None,
        scaler: Any = None,
        out: str | os.PathLike[str] = "crash",
        memory: int | str = "1 GiB",
        every: int = EVERY,
        guard: Guard | None = None,
    ) -> None:
        """Record the training of `model` by `optimizer`.

        `scheduler` and `scaler` have `state_dict` and `load_state_dict`. States and batches take at most `memory`, such as
        `"1 GiB"`; a state is kept `every` so many steps. A `guard` leaves updates out, goes back, or stops, as it is told.
        """
        if guard is not None and guard.roll_back and _is_distributed():
            raise ValueError("roll_back is for one process; under torch.distributed each would go back by its own loss")
        self._run = TorchRun(model, optimizer, scheduler, scaler)
        self._recording = Recording(self._run, out, memory, every)
        self._watch_by(guard)
        self._step: Step | None = None
        self._hook = optimizer.register_step_pre_hook(self.see_gradients)

    @classmethod
    def read(
        cls,
        directory: str | os.PathLike[str],
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        scheduler: Any = None,
        scaler: Any = None,
    ) -> Recorder:
        """Read a directory that a recorder wrote, for `diagnose` with a model and an optimiser of the same kind."""
        recorder = cls.__new__(cls)
        recorder._run = TorchRun(model, optimizer, scheduler, scaler)
        recorder._recording = Recording.read(recorder._run, directory)
        return recorder

    @contextmanager
    def step(self, *batch: Any, indices: Any = None) -> Iterator[Step]:
        """Record a step of training on a batch: tensors, numbers and text, in lists, tuples and dictionaries.

        The step is over when the block ends: it must have called `Step.loss`. One that ends by an exception is dropped.
        `indices` say which samples the batch holds; the log of the guard names them.
        """
        step = self.begin(*batch, indices=indices)
        try:
            yield step
        except Stopped:
            # The run is wrong from this step on, whatever its loss was.
            self._step = None
            self._end(step, math.nan)
            raise
        except BaseException:
            self.drop()
            raise
        self.end()

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the training."""
        return self._run.optimizer

    @property
    def now(self) -> Step | None:
        """The step that has begun, if there is one."""
        return self._step

    def begin(self, *batch: Any, indices: Any = None) -> Step:
        """Begin a step, as `step` does, where a `with` block is not possible; `end` or `drop` must follow."""
        if not self.caught:
            self._recording.begin(self._run.copy_batch(batch))
        self._step = Step(indices, self._run.learning_rate())
        return self._step

    def end(self) -> None:
        """End the step that has begun; it must know its loss."""
        step, self._step = self._step, None
        if step is None or step.value is None:
            self._recording.forget()
            raise RuntimeError("the step has told no loss; write `loss = step.loss(loss_fn(model(x), y))`")
        was_caught = self.caught
        self._end(step, float(step.value))
        if self._sentry is not None and self.caught and not was_caught:
            self._go_back_or_stop(self._sentry, step)

    def drop(self) -> None:
        """Drop the step that has begun, if there is one: it was not finished."""
        if self._step is not None:
            self._step = None
            self._recording.forget()

    def _end(self, step: Step, loss: float) -> None:
        norm = None if step.gradient_norm is None else float(step.gradient_norm)
        self._recording.end(loss, norm, step.rate, step.skipped)

    def watch(self, step_function: StepFunction) -> Callable[..., Any]:
        """Return a function that makes a step by `step_function(*batch)` and records it.

        `step_function` makes a whole step: forward, backward, optimiser, gradients back to zero; it returns the loss. With
        it, `diagnose` needs no other.
        """
        self._run.step_function = step_function

        @functools.wraps(step_function)
        def recorded(*batch: Any) -> Any:
            with self.step(*batch) as step:
                loss = step_function(*batch)
                step.value = loss.detach() if isinstance(loss, torch.Tensor) else float(loss)
            return loss

        return recorded

    def diagnose(
        self,
        step_function: StepFunction | None = None,
        *,
        orders: int = 6,
        lead: int = 100,
        changes: Sequence[str] | None = None,
        everything: bool = False,
        chance: int = 24,
    ) -> Diagnosis:
        """Replay what went wrong, and name its cause; the model is left as it was.

        `step_function(*batch)` makes a whole step of training and returns the loss, as for `watch`. Each change is replayed
        in so many `orders` of the batches, the run's own among them, from a state `lead` steps before the onset: nearer to it, as
        long as with nothing changed it does not go wrong in all of them.
        `changes` names the kinds to try, such as `["learning-rate", "clip"]`. Once a cause is found, no more is tried, unless
        `everything` is asked for. Where the run goes wrong in some orders only, `chance` is the number of replays with nothing
        changed that say in how many; with 0 no cause is named then.
        """
        self._run.step_function = step_function or self._run.step_function
        judgement = self.judgement
        if self._run.step_function is None and judgement.is_wrong:
            reason = (
                "Replays need a step as a function: diagnose(train_step), where train_step(*batch) goes forward, backward, "
                "makes the update, sets gradients to zero, and returns the loss."
            )
            return Diagnosis(judgement, None, reason, onset=judgement.onset())
        found = diagnose(self._recording, Plan(orders, lead, changes, everything, chance))
        if self.caught:
            self._recording.write_diagnosis(found.to_json())
        return found

    def close(self) -> None:
        """Write the curve to its end, and take the hook off the optimiser."""
        self._recording.curve.flush()
        self._hook.remove()

    def see_gradients(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Measure the gradients before an update is made of them; the optimiser calls it, where gradients are there by then."""
        step = self._step
        if step is None:
            return
        gradients = [p.grad.detach() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norms = [torch.linalg.vector_norm(gradient) for gradient in gradients if not gradient.is_sparse]
        if not norms:
            return
        device = norms[0].device
        norm = torch.linalg.vector_norm(torch.stack([norm.float().to(device) for norm in norms]))
        step.gradient_norm = norm
        if self._sentry is not None:
            self._object(self._sentry, step, norm)

    def _object(self, sentry: Sentry, step: Step, norm: torch.Tensor) -> None:
        """Leave an update out, or stop before it is made, if the guard has something against it."""
        guard, number = sentry.guard, self._recording.next_step
        reason = sentry.objection(float(norm))
        if _is_distributed():
            # All ranks leave an update out, or none does.
            objects = torch.tensor(float(reason is not None), device=norm.device)
            torch.distributed.all_reduce(objects, torch.distributed.ReduceOp.MAX)
            reason = reason or ("another rank objects" if float(objects) else None)
        if reason is None:
            return
        if guard.skip:
            step.skipped = True
            self._run.leave_update_out()
            sentry.add(Action(number, "skip", reason, step.indices))
        elif guard.stop and not sentry.may_go_back:
            sentry.add(Action(number, "stop", reason, step.indices))
            raise Stopped(f"step {number}: {reason}; the weights are as before it")

    def _go_back_or_stop(self, sentry: Sentry, step: Step) -> None:
        number = len(self._recording.curve.loss)
        reason = f"the curve says: {self.judgement.verdict}"
        sound = self._recording.sound_state() if sentry.may_go_back else None
        if sound is not None:
            self._run.restore(sound.state)
            rate = self._run.lower_rates(sentry.guard.lower)
            sentry.add(Action(number, "roll-back", reason, step.indices, sound.step, rate))
            self._recording.begin_anew(sentry.times_back)
        elif sentry.guard.stop:
            sentry.add(Action(number, "stop", reason, step.indices))
            raise Stopped(f"step {number}: {reason}")


def _is_distributed() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())
