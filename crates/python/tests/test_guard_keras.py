import json
import math

import flameout.keras
import keras
import numpy as np
import pytest
from test_keras import RaisedRate, X, Y, network


class Spoilt(keras.utils.PyDataset):
    """The data, in batches of 48; the fourth batch of one epoch holds a number that is not theirs, in part 0 (x) or 1 (y)."""

    def __init__(self, x=X, part=0, epoch=-1, value=math.nan):
        super().__init__()
        self.x, self.part, self.epoch, self.value = x, part, epoch, value
        self.epochs = -1  # `fit` ends an epoch before the first

    def __len__(self):
        return -(-len(self.x) // 48)

    def __getitem__(self, index):
        batch = tuple(data[48 * index : 48 * (index + 1)].copy() for data in (self.x, Y))
        if (self.epochs, index) == (self.epoch, 3):
            batch[self.part][5, 0] = self.value
        return batch

    def on_epoch_end(self):
        self.epochs += 1


def trained(tmp_path, epochs=30, callbacks=(), data=None, **options):
    model = network()
    recorder = flameout.keras.Recorder(out=tmp_path / "crash", every=20, **options)
    history = model.fit(data or Spoilt(), epochs=epochs, verbose=0, shuffle=False, callbacks=[*callbacks, recorder])
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    return model, recorder, history.history["loss"]


@pytest.mark.parametrize("value", [math.nan, 1e6])
def test_an_update_by_a_gradient_out_of_its_band_is_left_out_and_written_down(tmp_path, value):
    _, recorder, losses = trained(tmp_path, data=Spoilt(part=1, epoch=20, value=value), guard=flameout.Guard(skip=True))
    (action,) = recorder.actions
    assert (action.kind, action.step) == ("skip", 224) and not recorder.caught
    (line,) = (tmp_path / "crash" / "guard.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 224, "kind": "skip", "reason": action.reason, "batch": {"epoch": 20, "batch": 3}}
    assert losses[-1] < 0.1 and np.isfinite(losses).all() and max(losses) < 10


def test_a_run_with_updates_left_out_is_replayed_to_the_bit(tmp_path):
    guard = flameout.Guard(skip=True, factor=1e9)
    _, recorder, _ = trained(tmp_path, 150, [RaisedRate()], Spoilt(epoch=45), stop=True, guard=guard)
    assert recorder.caught and recorder.actions
    found = recorder.diagnose(changes=["hold-rate"], lead=100)
    assert found.begin < recorder.actions[0].step and found.control.equal
    assert found.verdict == "the learning rate was changed"


def test_a_run_goes_back_to_a_sound_state_at_a_lower_rate_and_goes_on(tmp_path):
    model, recorder, losses = trained(tmp_path, 100, [RaisedRate()], guard=flameout.Guard(roll_back=True))
    (action,) = recorder.actions
    assert action.kind == "roll-back" and action.to_step <= 551
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0015) == action.learning_rate
    assert not recorder.caught and losses[-1] < 0.05
    read = flameout.keras.Recorder.read(tmp_path / "crash.rolled-back-1", network(seed=7))
    assert read.diagnose(changes=["hold-rate"]).verdict == "the learning rate was changed"


def test_a_run_stops_before_what_is_not_finite_reaches_its_weights(tmp_path):
    x = X.copy()
    x[48 * 3 + 5, 2] = math.nan
    _, recorder, losses = trained(tmp_path, data=Spoilt(x), guard=flameout.Guard(stop=True))
    (action,) = recorder.actions
    assert (action.kind, action.step) == ("stop", 4) and len(losses) == 1
    assert recorder.caught and recorder.diagnose().birth.step == 4
