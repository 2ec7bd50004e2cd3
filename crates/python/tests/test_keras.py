import flameout.keras
import keras
import numpy as np
import pytest
from flameout import _replay

X = np.random.default_rng(1).normal(size=(512, 8)).astype(np.float32)
Y = (np.sin(X[:, :1]) + 0.5 * X[:, 1:2]).astype(np.float32)


def network(seed=0, rate=0.003, last=None, **settings):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(32, activation="tanh"), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((8,)), *layers, *([last] if last else [])])
    model.compile(keras.optimizers.Adam(rate, **settings), "mse", metrics=["mae"])
    return model


class RaisedRate(keras.callbacks.Callback):
    """Sets the learning rate a thousand times as high after 50 epochs."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 50:
            self.model.optimizer.learning_rate = 3.0


def collapsed(directory):
    model = network()
    recorder = flameout.keras.Recorder(out=directory, every=20, stop=True)
    model.fit(X, Y, batch_size=48, epochs=150, verbose=0, callbacks=[RaisedRate(), recorder])
    return model, recorder


@pytest.fixture(scope="module")
def raised(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keras") / "crash"
    return (*collapsed(directory), directory)


def test_a_collapse_in_fit_is_caught_replayed_to_the_bit_and_its_cause_named(raised):
    model, recorder, _ = raised
    assert recorder.caught and recorder.judgement.onset() in range(549, 555)
    before = model.get_weights()
    optimizer = model.optimizer
    found = recorder.diagnose(changes=["hold-rate", "learning-rate", "skip", "clip"])
    assert found.control is not None and found.control.equal and found.control.compared > 100
    assert found.verdict == "the learning rate was changed" and "0.003" in found.remedy
    assert found.trials[0].wrong == found.trials[0].of == 5
    assert "hold-rate" in [change.kind for change in found.sufficient()]
    assert model.optimizer is optimizer
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def test_every_change_can_be_made(raised):
    _, recorder, _ = raised
    found = recorder.diagnose(everything=True, orders=2)
    kinds = {trial.change.kind for trial in found.trials if trial.change}
    assert kinds == {"skip", "weigh", "hold-rate", "learning-rate", "clip", "amsgrad", "epsilon", "second-moment", "freeze"}


def test_in_its_own_order_changes_begin_at_the_suspected_update(raised, monkeypatch):
    model, recorder, _ = raised
    before = model.get_weights()
    # This collapse comes in any order: the search for one that needs its own is left to begin where it would.
    monkeypatch.setattr(_replay._Examination, "_certain_in_all_orders", lambda *_: None)
    kinds = ["hold-rate", "learning-rate", "clip", "epsilon", "skip"]
    found = recorder.diagnose(everything=True, changes=kinds, chance=0)
    assert found.control.equal and found.varied == "nudges" and found.begin < found.since <= found.onset + 2
    tried = [(trial.change.kind, trial.wrong) for trial in found.trials[1:]]
    assert {kind for kind, _ in tried} - {"move"} <= {"hold-rate", "learning-rate", "clip", "epsilon"} and tried
    # What holds is compared with chance, and nothing else is.
    moves = [at for at, (kind, _) in enumerate(tried) if kind == "move"]
    assert moves == [at + 1 for at, (kind, wrong) in enumerate(tried) if kind != "move" and wrong == 0]
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def test_a_crash_directory_is_replayed_with_another_model_of_the_same_kind(raised):
    _, recorder, directory = raised
    here = recorder.diagnose(changes=["hold-rate"])
    read = flameout.keras.Recorder.read(directory, network(seed=7))
    there = read.diagnose(changes=["hold-rate"])
    assert there.to_json() == here.to_json() and there.control.equal
    (curve,) = flameout.read_log(directory)
    assert curve.loss.tolist() == recorder.curve().loss.tolist()
    with pytest.raises(ValueError, match="another model"):
        other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
        other.compile("adam", "mse")
        flameout.keras.Recorder.read(directory, other).diagnose()


def test_recording_changes_no_number_and_the_history_is_that_of_keras(tmp_path):
    recorder = flameout.keras.Recorder(out=tmp_path / "crash")
    histories, weights = [], []
    for callbacks in ([], [recorder]):
        model = network()
        histories.append(model.fit(X, Y, batch_size=48, epochs=5, verbose=0, callbacks=callbacks).history)
        weights.append(model.get_weights())
    assert histories[0] == histories[1]
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))
    losses = recorder.curve().loss[-11:]
    rows = [48] * 10 + [32]
    assert np.average(losses, weights=rows) == pytest.approx(histories[1]["loss"][-1], rel=1e-5)


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """Halves the learning rate every eight steps, and counts how often it is asked."""

    asked = 0

    def __call__(self, step):
        self.asked += 1
        return 0.01 * keras.ops.power(0.5, keras.ops.cast(step // 8, "float32"))

    def get_config(self):
        return {}


def test_a_schedule_is_compiled_and_its_rates_are_recorded(tmp_path):
    schedule, model = Halving(), network()
    model.compile(keras.optimizers.Adam(schedule), "mse")
    recorder = flameout.keras.Recorder(out=tmp_path / "crash")
    model.fit(X, Y, batch_size=64, epochs=3, verbose=0, callbacks=[recorder])
    assert recorder.curve().learning_rate.tolist() == pytest.approx([0.01] * 8 + [0.005] * 8 + [0.0025] * 8)
    assert schedule.asked < 8 or keras.backend.backend() == "torch"  # which compiles nothing


def test_a_second_fit_goes_on_with_the_recording(tmp_path):
    recorder, model = flameout.keras.Recorder(out=tmp_path / "crash"), network()
    for _ in range(2):
        model.fit(X, Y, batch_size=64, epochs=1, verbose=0, callbacks=[recorder])
    assert len(recorder.curve()) == 16 and not recorder.caught
    model.fit(X, Y, batch_size=64, epochs=1, verbose=0)
    assert len(recorder.curve()) == 16


class Interrupted(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            raise KeyboardInterrupt


def test_a_fit_that_was_interrupted_is_gone_on_with(tmp_path):
    recorder, model = flameout.keras.Recorder(out=tmp_path / "crash"), network()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=64, verbose=0, callbacks=[recorder, Interrupted()])
    model.fit(X, Y, batch_size=64, verbose=0, callbacks=[recorder])
    assert len(recorder.curve()) == 4 + 8
    other = flameout.keras.Recorder(out=tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=64, verbose=0, callbacks=[recorder, Interrupted()])
    model.fit(X, Y, batch_size=64, verbose=0, callbacks=[other])
    assert len(recorder.curve()) == 16 and len(other.curve()) == 8


def spoiled(model, x, tmp_path, y=Y):
    recorder = flameout.keras.Recorder(out=tmp_path / "crash", stop=True)
    model.fit(x, y, batch_size=64, epochs=30, verbose=0, shuffle=False, callbacks=[recorder])
    assert recorder.caught
    return recorder.diagnose(changes=[]).birth, len(recorder.curve())


def test_a_nan_in_the_data_is_found_with_its_rows(tmp_path):
    x = X.copy()
    x[64 + 5, 2] = np.nan
    birth, _ = spoiled(network(), x, tmp_path)
    assert (birth.step, birth.phase, birth.rows) == (2, "data", (5,))


@keras.saving.register_keras_serializable()
class Logarithm(keras.layers.Layer):
    def call(self, x):
        return keras.ops.log(x)


@keras.saving.register_keras_serializable()
class Pole(keras.layers.Layer):
    def call(self, x):
        return keras.ops.where(x == x, x, 1 / (x - x))  # the gradient of what is not chosen is 0 × infinity


def test_a_nan_of_a_layer_is_found_where_it_is_made(tmp_path):
    birth, _ = spoiled(network(last=Logarithm(name="logarithm")), X, tmp_path, np.abs(Y))
    assert birth.phase == "forward" and "logarithm" in birth.module


def test_a_gradient_that_is_not_finite_is_found_behind_a_sound_loss(tmp_path):
    birth, steps = spoiled(network(last=Pole()), X, tmp_path)
    assert (birth.phase, birth.tensor) == ("backward", "gradient of bias") and birth.step < steps


def networks():
    layers = keras.layers
    mlp = keras.Sequential([keras.Input((16,)), layers.Dense(32, activation="relu"), layers.Dense(4)])
    convolution = [layers.Reshape((4, 4, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
    x = keras.Input((16,))
    sequence = layers.Reshape((4, 4))(x)
    attended = layers.LayerNormalization()(sequence + layers.MultiHeadAttention(2, 4)(sequence, sequence))
    transformer = keras.Model(x, layers.Dense(4)(layers.Flatten()(attended)))
    return {"mlp": mlp, "cnn": keras.Sequential([keras.Input((16,)), *convolution]), "transformer": transformer}


@pytest.mark.parametrize(("name", "seed"), [("mlp", 0), ("cnn", 1), ("transformer", 2)])
def test_healthy_runs_are_no_alarm(tmp_path, name, seed):
    keras.utils.set_random_seed(seed)
    model = networks()[name]
    model.compile(keras.optimizers.Adam(0.003), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(256, 16)).astype(np.float32)
    labels = (x @ generator.normal(size=(16, 4))).argmax(axis=1)
    recorder = flameout.keras.Recorder(out=tmp_path / "crash")
    model.fit(x, labels, batch_size=32, epochs=50, verbose=0, callbacks=[recorder])
    assert not recorder.caught and recorder.diagnose().verdict == "nothing wrong"


def test_several_steps_in_one_are_refused(tmp_path):
    model = network()
    model.compile("adam", "mse", steps_per_execution=4)
    with pytest.raises(ValueError, match="steps_per_execution"):
        model.fit(X, Y, verbose=0, callbacks=[flameout.keras.Recorder(out=tmp_path / "crash")])
