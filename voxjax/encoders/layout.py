"""What of an encoder's weights is no array: the numbers that say how a network is laid out."""

import jax


@jax.tree_util.register_static
class Layout(str):
    """A text that rides in a tree of weights. Programs are compiled for it; equal texts share them."""

    __slots__ = ()
