"""Records a training by Lightning's `Trainer`; replays its collapse there.

```python
recorder = flameout.lightning.Recorder(out="crash", memory="1 GiB", stop=True)
lightning.Trainer(max_epochs=100, callbacks=[recorder]).fit(module, loader)
print(recorder.diagnose())
```
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

try:
    import lightning.pytorch as pl
    from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
except ImportError:
    import pytorch_lightning as pl
    from pytorch_lightning.utilities.signature_utils import is_param_in_hook_signature

from flameout.diagnosis import Diagnosis
from flameout.torch.callback import CallbackRecorder
from flameout.torch.run import StepFunction

__all__ = ["Recorder"]


class Recorder(CallbackRecorder, pl.Callback):  # type: ignore[misc]
    """Keeps what a replay of `Trainer.fit` needs: states, batches, states of generators, and the curve.

    Nothing that it does changes the training's numbers. It records modules with one optimiser, in one process, one update for
    each batch.
    """

    _trainer_name = "Lightning"
    _method = "fit"
    _module: Any = None
    _obstacle: str | None = None
    _clipping: tuple[float, str] | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the recording."""
        self._require_new()
        if len(trainer.optimizers) != 1 or trainer.world_size != 1 or trainer.accumulate_grad_batches != 1:
            found = f"{len(trainer.optimizers)} optimisers, {trainer.world_size} processes, "
            found += f"accumulate_grad_batches={trainer.accumulate_grad_batches}"
            raise ValueError(f"this run has {found}; flameout records one optimiser, one process, one update for each batch")
        self._module = pl_module
        self._obstacle = _obstacle(trainer, pl_module)
        self._clipping = (trainer.gradient_clip_val, str(trainer.gradient_clip_algorithm)) if trainer.gradient_clip_val else None
        recorder = self._begin(pl_module, trainer.optimizers[0])
        # Lightning goes backward within the optimiser's step: gradients are there later than the recorder's hook.
        recorder.close()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Keep the batch and the states of the generators."""
        self.recorder.begin(batch, batch_idx)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Measure the gradient, before Lightning clips it."""
        self.recorder.see_gradients(optimizer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Take the loss in; end the training if that was asked for."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is None:  # the module has left this batch out
            self.recorder.drop()
            return
        assert self.recorder.now is not None
        self.recorder.now.loss(loss)
        self.recorder.end()
        if self._stop and self.caught:
            trainer.should_stop = True

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Drop the step that was not finished."""
        if self._recorder is not None:
            self._recorder.drop()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the curve to its end."""
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

        Without a `step_function(batch, batch_idx)`, replays call the module's `training_step`, go backward, clip as the trainer
        did, and make the update. They do not call other hooks of the module or of callbacks; `self.log` does nothing there.
        """
        recorder, module = self.recorder, self._module
        if step_function is None and self._obstacle is not None and recorder.judgement.is_wrong:
            reason = f"{self._obstacle}: replays need a step as a function, diagnose(train_step), train_step(batch, batch_idx)."
            return Diagnosis(recorder.judgement, None, reason, onset=recorder.judgement.onset())
        trainer, module._trainer = module._trainer, None
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*self.trainer.*reference is not registered")
                return recorder.diagnose(
                    step_function or self._step, orders=orders, lead=lead, changes=changes, everything=everything, chance=chance
                )
        finally:
            module._trainer = trainer

    def _step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        module, optimizer = self._module, self.recorder.optimizer
        with_index = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
        output = module.training_step(batch, batch_idx) if with_index else module.training_step(batch)
        loss: torch.Tensor = output["loss"] if isinstance(output, dict) else output
        optimizer.zero_grad()
        loss.backward()
        if self._clipping is not None:
            limit, algorithm = self._clipping
            clip = torch.nn.utils.clip_grad_value_ if "value" in algorithm.lower() else torch.nn.utils.clip_grad_norm_
            clip(module.parameters(), limit)
        optimizer.step()
        return loss


def _obstacle(trainer: Any, module: Any) -> str | None:
    """Say why steps cannot be made outside of the trainer, if so."""
    if not module.automatic_optimization:
        return "The module optimises by itself (automatic_optimization=False)"
    if trainer.precision not in ("32-true", "64-true"):
        return f"The trainer computes in {trainer.precision}"
    return None
