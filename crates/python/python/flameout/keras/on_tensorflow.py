"""Keras on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from flameout.keras.backend import State, predict
from flameout.keras.variables import VariablesBackend


class TensorFlowBackend(VariablesBackend):
    """The backend TensorFlow. A step is compiled for a batch: the train function of `fit` takes an iterator of its dataset."""

    def steps(self, model: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what a model does with what its variables hold: a step, which returns logs; loss and gradients; the rate."""

        def differentiate(data: Any) -> Any:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = predict(model, x)
                loss = model._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)
                scaled = model.optimizer.scale_loss(loss)
            trained = [variable.value for variable in model.trainable_variables]
            found = tape.gradient(scaled, trained, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return loss, [tf.convert_to_tensor(gradient) for gradient in found]

        schedule = model.optimizer._learning_rate

        def rate(iterations: Any) -> Any:
            return tf.convert_to_tensor(schedule(iterations))

        if model.run_eagerly:
            return model.train_step, differentiate, rate
        plain = tf.autograph.experimental.do_not_convert

        def compiled(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
            whole: Callable[[Any], Any] = tf.function(plain(function), reduce_retracing=True, jit_compile=model.jit_compile)
            return whole

        return compiled(model.train_step), compiled(differentiate), tf.function(plain(rate))

    def unpack(self, model: Any, arguments: tuple[Any, ...]) -> tuple[State, Any]:
        """Return the state and the batch that `fit` calls its train function for."""
        (iterator,) = arguments
        # TensorFlow's datasets hold an `Optional` where there is `None`.
        data = keras.tree.map_structure(lambda item: None if isinstance(item, tf.experimental.Optional) else item, next(iterator))
        if not model.optimizer.built:  # elsewhere `fit` builds it before the first step
            model._symbolic_build(data_batch=data)
        return self.live(model), data

    def is_number(self, output: Any) -> bool:
        """Say whether the output of a layer holds numbers."""
        return hasattr(output, "numpy")

    def obstacle(self, model: Any) -> str | None:
        """Say why a model's training cannot be recorded, if so."""
        replicas = model.distribute_strategy.num_replicas_in_sync
        return None if replicas == 1 else f"the model trains in {replicas} replicas; one is recorded"
