import logging

import flameout.lightning
import lightning.pytorch as pl
import pytest
import torch

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore")


class Module(pl.LightningModule):
    """A small network with dropout; its learning rate is raised a thousandfold at step 600."""

    def __init__(self, raised=600, spoilt=None):
        super().__init__()
        torch.manual_seed(0)
        parts = [torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 1)]
        self.network = torch.nn.Sequential(*parts)
        self.raised, self.spoilt = raised, spoilt

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = ((self.network(x) - y) ** 2).mean()
        self.log("loss", loss)
        return loss * (torch.nan if self.global_step + 1 == self.spoilt else 1)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.003)
        factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 if step < self.raised else 1000.0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}


def fit(module, callbacks, steps=1500, **options):
    torch.manual_seed(1)
    x = torch.randn(512, 8)
    data = torch.utils.data.TensorDataset(x, torch.sin(x[:, :1]) + 0.5 * x[:, 1:2])
    loader = torch.utils.data.DataLoader(data, 48, shuffle=True)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_steps=steps, accelerator="cpu", callbacks=callbacks, **(quiet | options))
    trainer.fit(module, loader)
    return module


@pytest.mark.parametrize("clip", [None, 0.5])
def test_a_collapse_under_lightning_is_replayed_to_the_bit_and_its_cause_named(tmp_path, clip):
    recorder = flameout.lightning.Recorder(out=tmp_path / "crash", every=20, stop=True)
    module = fit(Module(), [recorder], gradient_clip_val=clip)
    assert recorder.caught and 590 < recorder.recorder.judgement.onset() < 610
    assert all(length > 0 for length in recorder.recorder._recording.curve.gradient_norm)
    found = recorder.diagnose(changes=["hold-rate", "learning-rate"])
    assert found.control.equal and found.control.compared > 100
    assert found.verdict == "the learning rate was changed"
    assert module._trainer is not None


def test_recording_changes_no_number(tmp_path):
    recorder = flameout.lightning.Recorder(out=tmp_path / "crash")
    plain, recorded = fit(Module(), [], 60), fit(Module(), [recorder], 60)
    for one, other in zip(plain.parameters(), recorded.parameters(), strict=True):
        assert torch.equal(one, other)
    assert len(recorder.recorder.curve()) == 60 and not recorder.caught


def test_a_guard_leaves_out_a_gradient_that_is_not_finite(tmp_path):
    recorder = flameout.lightning.Recorder(out=tmp_path / "crash", guard=flameout.Guard(skip=True))
    module = fit(Module(spoilt=30), [recorder], 60)
    assert [(action.step, action.kind) for action in recorder.actions] == [(30, "skip")]
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())


def test_what_is_not_recorded_or_replayed_is_said(tmp_path):
    with pytest.raises(ValueError, match="one update for each batch"):
        fit(Module(), [flameout.lightning.Recorder(out=tmp_path / "a")], accumulate_grad_batches=2)
    with pytest.raises(ValueError, match="roll_back"):
        flameout.lightning.Recorder(guard=flameout.Guard(roll_back=True))
    recorder = flameout.lightning.Recorder(out=tmp_path / "b", stop=True)
    fit(Module(spoilt=30), [recorder], 60, precision="bf16-mixed")
    found = recorder.diagnose()
    assert found.verdict == "unknown" and "bf16-mixed" in found.reason and "diagnose(train_step)" in found.reason
