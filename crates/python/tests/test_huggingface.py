import flameout.huggingface
import pytest
import torch
import transformers
from transformers.utils.generic import ModelOutput

pytestmark = pytest.mark.filterwarnings("ignore")


class Network(torch.nn.Module):
    """A small network with dropout that computes its own loss, as models of Transformers do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        parts = [torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 1)]
        self.network = torch.nn.Sequential(*parts)

    def forward(self, x, labels):
        predicted = self.network(x)
        return ModelOutput(loss=((predicted - labels) ** 2).mean(), logits=predicted)


class RaisedRate(transformers.TrainerCallback):
    """Makes the learning rate a thousand times as high from step 600 on."""

    def on_train_begin(self, args, state, control, lr_scheduler=None, **kwargs):
        lr_scheduler.lr_lambdas = [lambda step: 1.0 if step < 600 else 1000.0] * len(lr_scheduler.lr_lambdas)


def train(recorder, tmp_path, steps=1500, callbacks=(), spoilt=None, **options):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(512, 8, generator=generator)
    y = torch.sin(x[:, :1]) + 0.5 * x[:, 1:2]
    if spoilt is not None:
        y[spoilt] = torch.nan
    data = [{"x": one, "labels": other} for one, other in zip(x, y, strict=True)]
    settings = {"max_steps": steps, "per_device_train_batch_size": 48, "learning_rate": 0.003, "lr_scheduler_type": "constant"}
    settings |= {"report_to": [], "use_cpu": True, "save_strategy": "no", "disable_tqdm": True, "logging_strategy": "no"}
    arguments = transformers.TrainingArguments(str(tmp_path / "out"), **(settings | options))
    model = Network()
    every = [*callbacks, *([recorder] if recorder else [])]
    transformers.Trainer(model, arguments, train_dataset=data, callbacks=every).train()
    return model


def test_a_collapse_under_trainer_is_replayed_to_the_bit_and_its_cause_named(tmp_path):
    recorder = flameout.huggingface.Recorder(out=tmp_path / "crash", every=20, stop=True)
    model = train(recorder, tmp_path, callbacks=[RaisedRate()])
    assert recorder.caught and 590 < recorder.recorder.judgement.onset() < 610
    assert all(length > 0 for length in recorder.recorder._recording.curve.gradient_norm)
    before = [parameter.clone() for parameter in model.parameters()]
    found = recorder.diagnose(changes=["hold-rate", "learning-rate"])
    assert found.control.equal and found.control.compared > 100
    assert found.verdict == "the learning rate was changed"
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_recording_changes_no_number(tmp_path):
    recorder = flameout.huggingface.Recorder(out=tmp_path / "crash")
    plain, recorded = train(None, tmp_path, 60), train(recorder, tmp_path, 60)
    for one, other in zip(plain.parameters(), recorded.parameters(), strict=True):
        assert torch.equal(one, other)
    assert len(recorder.recorder.curve()) == 60 and not recorder.caught


def test_a_guard_leaves_out_a_gradient_that_is_not_finite(tmp_path):
    recorder = flameout.huggingface.Recorder(out=tmp_path / "crash", guard=flameout.Guard(skip=True))
    model = train(recorder, tmp_path, 22, spoilt=7)
    assert [action.kind for action in recorder.actions] == ["skip", "skip"]  # once an epoch of 11 batches
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_a_nan_in_the_data_is_found_with_its_row(tmp_path):
    recorder = flameout.huggingface.Recorder(out=tmp_path / "crash", stop=True)
    train(recorder, tmp_path, 22, spoilt=7)
    found = recorder.diagnose()
    assert found.verdict == "data that are not finite" and len(found.birth.rows) == 1


def test_what_is_not_recorded_is_said(tmp_path):
    with pytest.raises(ValueError, match="one update for each batch"):
        train(flameout.huggingface.Recorder(out=tmp_path / "a"), tmp_path, gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match="roll_back"):
        flameout.huggingface.Recorder(guard=flameout.Guard(roll_back=True))
