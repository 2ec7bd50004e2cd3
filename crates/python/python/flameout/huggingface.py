"""Records a training by the `Trainer` of Hugging Face's Transformers; replays its collapse there.

```python
recorder = flameout.huggingface.Recorder(out="crash", memory="1 GiB", stop=True)
transformers.Trainer(model, arguments, train_dataset=data, callbacks=[recorder]).train()
print(recorder.diagnose())
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from flameout.diagnosis import Diagnosis
from flameout.torch.callback import CallbackRecorder
from flameout.torch.run import StepFunction

__all__ = ["Recorder"]


class Recorder(CallbackRecorder, transformers.TrainerCallback):  # type: ignore[misc]
    """Keeps what a replay of `Trainer.train` needs: states, batches, states of generators, and the curve.

    Nothing that it does changes the training's numbers. It records models whose output holds the loss, in one process, one
    update for each batch.
    """

    _trainer_name = "Trainer"
    _method = "train"
    _model: Any = None
    _limit = 0.0
    _handles: Sequence[Any] = ()
    #: Whether the forward pass of a step is awaited.
    _awaited = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin the recording."""
        self._require_new()
        if args.gradient_accumulation_steps != 1 or args.world_size != 1 or args.n_gpu > 1:
            found = f"gradient_accumulation_steps={args.gradient_accumulation_steps}, {args.world_size} processes, "
            raise ValueError(f"this run has {found}{args.n_gpu} GPUs; flameout records one process, one update for each batch")
        optimizer = getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"])  # without the wrapper of accelerate
        self._model, self._limit = kwargs["model"], float(args.max_grad_norm or 0)
        self._begin(self._model, optimizer)
        self._handles = [
            self._model.register_forward_pre_hook(self._before_forward, with_kwargs=True),
            self._model.register_forward_hook(self._after_forward),
        ]

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Await the forward pass of a step."""
        self.recorder.drop()
        self._awaited = True

    def _before_forward(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._awaited and model.training:
            self.recorder.begin(args, kwargs)

    def _after_forward(self, model: Any, args: tuple[Any, ...], output: Any) -> None:
        step = self.recorder.now
        if self._awaited and step is not None:
            self._awaited = False
            step.loss(_loss_of(output))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Take the step in; end the training if that was asked for."""
        self.recorder.end()
        if self._stop and self.caught:
            control.should_training_stop = True
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the hooks off; write the curve to its end."""
        for handle in self._handles:
            handle.remove()
        self.recorder.drop()
        self.recorder.close()

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
        """Replay what went wrong, and name its cause; as `flameout.torch.Recorder.diagnose`.

        Without a `step_function(args, kwargs)`, which gets what the model was called with, replays call the model, go backward
        from the loss in its output, clip at `max_grad_norm`, and make the update. A `compute_loss` of your own, a label smoother
        or a gradient scaler needs such a function; where one is missing, the control does not give the recorded losses.
        """
        return self.recorder.diagnose(
            step_function or self._step, orders=orders, lead=lead, changes=changes, everything=everything, chance=chance
        )

    def _step(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
        loss = _loss_of(self._model(*args, **kwargs))
        loss.backward()
        if self._limit > 0:
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._limit)
        self.recorder.optimizer.step()
        self.recorder.optimizer.zero_grad()
        return loss


def _loss_of(output: Any) -> torch.Tensor:
    """Return the loss in what a model returns: by name, else the first part, as `Trainer` takes it."""
    loss = output.get("loss") if isinstance(output, dict) else output[0]
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise ValueError("the model's output holds no loss; flameout records models that compute it, given labels")
    return loss
