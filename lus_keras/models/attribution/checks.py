"""A network that has learned nothing, to hold maps against (Adebayo et al. 2018)."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def randomized_copy(model: keras.Model, seed: int) -> keras.Model:
    """Copies a network with new random weights, as before training.

    A map that hardly changes shows the input, not what was learned. Compare the two by
    `lus_keras.evaluation.metrics.map_similarity`.

    Args:
        model: A built network; it is not changed.
        seed: Seed of the new weights; Keras's global random state is set from it.

    Returns:
        Network of the same layers and names, uncompiled, with new weights; moving averages of
        normalizations are 0 and 1.
    """
    keras.utils.set_random_seed(seed)
    return keras.models.clone_model(model)


@contextmanager
def random_weights(model: keras.Model, seed: int) -> Iterator[None]:
    """Gives a network the weights of `randomized_copy` for the block, and then its own again.

    The compiled functions of the network serve both, which takes half the time of a copy.
    """
    trained = model.get_weights()
    model.set_weights(randomized_copy(model, seed).get_weights())
    try:
        yield
    finally:
        model.set_weights(trained)
