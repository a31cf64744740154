"""The reference network's training step in Keras on TensorFlow, as one compiled graph."""

import itertools
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

from voxjax.benchmarks import reference_network as reference

PACKAGES = ("keras", "tensorflow")


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Multi-scale convolution, batch norm, ReLU, squeeze-and-excitation, pooling, dropout."""
    x = layers.Concatenate()([layers.Conv1D(filters, kernel, padding="same")(x) for kernel in reference.KERNELS])
    x = layers.ReLU()(layers.BatchNormalization()(x))
    wide = x.shape[-1]
    weights = layers.GlobalAveragePooling1D()(x)
    weights = layers.Dense(wide // reference.REDUCTION, activation="relu")(weights)
    weights = layers.Reshape((1, wide))(layers.Dense(wide, activation="sigmoid")(weights))
    x = layers.MaxPooling1D(2)(layers.Multiply()([x, weights]))
    return layers.Dropout(reference.DROPOUT)(x)


def _network() -> keras.Model:
    inputs = x = keras.Input((reference.POSITIONS, 1))
    for filters in reference.FILTERS:
        x = _block(x, filters)
    *lower, last = reference.LSTM
    for units in lower:
        x = layers.Bidirectional(layers.LSTM(units, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(last))(x)
    for units in reference.DENSE:
        x = layers.Dropout(reference.HEAD_DROPOUT)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(reference.CLASSES)(x))


def start() -> Callable[[], None]:
    """A network and its optimiser; the result is a training step."""
    keras.utils.set_random_seed(0)
    network, optimizer = _network(), keras.optimizers.Adam(reference.LEARNING_RATE)
    optimizer.build(network.trainable_variables)
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    values, labels = map(tf.constant, reference.clips())
    targets = tf.one_hot(labels, reference.CLASSES)
    numbers = itertools.count()

    @tf.function
    def step(rows: tf.Tensor) -> tf.Tensor:
        x, y = tf.gather(values, rows), tf.gather(targets, rows)
        first, second = (tf.random.gamma((reference.BATCH,), reference.MIXUP_ALPHA) for _ in range(2))
        own, partner = first / tf.maximum(first + second, 1e-30), tf.random.shuffle(tf.range(reference.BATCH))
        x = own[:, None, None] * x + (1 - own[:, None, None]) * tf.gather(x, partner)
        y = own[:, None] * y + (1 - own[:, None]) * tf.gather(y, partner)
        with tf.GradientTape() as tape:
            loss = entropy(y, network(x, training=True))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    def call() -> None:
        step(tf.constant(reference.batch(next(numbers)))).numpy()

    return call
