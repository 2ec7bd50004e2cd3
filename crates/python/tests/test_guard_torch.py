import json
import math

import flameout.torch
import pytest
import torch
from test_torch import Training, recorder_of


def spoilt_at(step, value):
    def spoil(made, x):
        return x * value if made == step else x

    return spoil


@pytest.mark.parametrize("value", [math.nan, 1e6])
def test_an_update_by_a_gradient_out_of_its_band_is_left_out_and_written_down(tmp_path, value):
    training = Training()
    recorder = recorder_of(training, tmp_path, guard=flameout.Guard(skip=True))
    training.run(recorder, 600, spoilt_at(177, value))
    (action,) = recorder.actions
    assert (action.step, action.kind) == (177, "skip") and not recorder.caught
    (line,) = (tmp_path / "crash" / "guard.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 177, "kind": "skip", "reason": action.reason}
    assert all(torch.isfinite(parameter).all() for parameter in training.model.parameters())
    assert 177 not in recorder.curve().steps and recorder.curve().loss[-1] < 0.1
    assert recorder.diagnose().verdict == "nothing wrong"


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.Adam,
        lambda parameters, lr: torch.optim.Adam(parameters, lr, fused=True),
        lambda parameters, lr: torch.optim.AdamW(parameters, lr, weight_decay=0.1),
        lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
    ],
)
def test_an_update_that_is_left_out_changes_no_weight(tmp_path, optimizer):
    training = Training(optimizer=optimizer)
    recorder = recorder_of(training, tmp_path, guard=flameout.Guard(skip=True))
    training.run(recorder, 5)
    before = [parameter.clone() for parameter in training.model.parameters()]
    with recorder.step(training.x[:48], indices=[3, 1]) as step:
        step.loss(training.model(training.x[:48]).mean() * math.nan).backward()
        training.optimizer.step()
    assert all(map(torch.equal, before, training.model.parameters()))
    assert recorder.actions[0].batch == [3, 1]


def test_a_run_with_updates_left_out_is_replayed_to_the_bit(tmp_path):
    training = Training()
    recorder = recorder_of(training, tmp_path, every=20, guard=flameout.Guard(skip=True))

    def before(step, x):
        if step == 600:
            training.optimizer.param_groups[0]["lr"] = 3.0
        return x * math.nan if step == 570 else x

    recorder._sentry.guard = flameout.Guard(skip=True, factor=1e9)
    training.run(recorder, 2000, before)
    assert recorder.caught and [action.step for action in recorder.actions] == [570]
    found = recorder.diagnose(changes=["hold-rate"], lead=150)
    assert found.begin < 570 and found.control.equal and found.verdict == "the learning rate was changed"
    other = Training(seed=7)
    read = flameout.torch.Recorder.read(tmp_path / "crash", other.model, other.optimizer)
    assert read.diagnose(other.step, changes=["hold-rate"], lead=150).to_json() == found.to_json()


def test_a_run_goes_back_to_a_sound_state_at_a_lower_rate_and_goes_on(tmp_path):
    training = Training()
    recorder = recorder_of(training, tmp_path, every=20, guard=flameout.Guard(roll_back=True))

    def raise_rate(step, x):
        if step == 600:
            training.optimizer.param_groups[0]["lr"] = 0.3
        return x

    training.run(recorder, 1500, raise_rate)
    (action,) = recorder.actions
    assert action.kind == "roll-back" and action.to_step == 581
    assert training.optimizer.param_groups[0]["lr"] == 0.0015 == action.learning_rate
    assert not recorder.caught and recorder.curve().loss[-50:].mean() < 0.03
    aside = tmp_path / "crash.rolled-back-1"
    other = Training(seed=7)
    read = flameout.torch.Recorder.read(aside, other.model, other.optimizer)
    assert read.diagnose(other.step, changes=["hold-rate"]).verdict == "the learning rate was changed"


def test_it_goes_back_no_more_often_than_it_may_and_then_stops(tmp_path):
    training = Training()
    guard = flameout.Guard(roll_back=True, stop=True, most=2)
    recorder = recorder_of(training, tmp_path, every=20, guard=guard)
    with pytest.raises(flameout.Stopped, match="step 900: the gradient is not finite"):
        training.run(recorder, 2000, lambda step, x: x * math.nan if step % 300 == 0 else x)
    assert [action.kind for action in recorder.actions] == ["roll-back", "roll-back", "stop"]
    assert training.optimizer.param_groups[0]["lr"] == 0.003 / 4
    assert all(torch.isfinite(parameter).all() for parameter in training.model.parameters())


def test_a_run_stops_before_what_is_not_finite_reaches_its_weights(tmp_path):
    training = Training()
    recorder = recorder_of(training, tmp_path, guard=flameout.Guard(stop=True))
    with pytest.raises(flameout.Stopped, match="step 77: the gradient is not finite"):
        training.run(recorder, 200, spoilt_at(77, math.nan))
    assert all(torch.isfinite(parameter).all() for parameter in training.model.parameters())
    assert recorder.caught and recorder.diagnose().birth.step == 77


def test_a_guard_that_is_asked_for_nothing_does_nothing(tmp_path):
    training = Training()
    recorder = recorder_of(training, tmp_path, guard=flameout.Guard())
    training.run(recorder, 200, spoilt_at(77, math.nan))
    assert recorder.caught and recorder.actions == [] and not (tmp_path / "crash" / "guard.jsonl").exists()
    with pytest.raises(ValueError, match="factor must be above 1"):
        flameout.Guard(factor=0.5)


def one_rank(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    training = Training()
    out = folder / str(rank)
    recorder = flameout.torch.Recorder(training.model, training.optimizer, out=out, guard=flameout.Guard(skip=True))
    training.run(recorder, 30, spoilt_at(20, math.nan if rank == 1 else 1.0))
    (action,) = recorder.actions
    assert action.step == 20 and action.reason == ("the gradient is not finite" if rank == 1 else "another rank objects")
    with pytest.raises(ValueError, match="one process"):
        flameout.torch.Recorder(training.model, training.optimizer, guard=flameout.Guard(roll_back=True))


def test_all_ranks_leave_an_update_out_or_none(tmp_path):
    torch.multiprocessing.spawn(one_rank, (tmp_path,), nprocs=2)
