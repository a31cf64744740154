"""What of an encoder's weights is no array: how a network is laid out, and what its trained parts are called."""

import jax

TUNED = "tuned_"  # modules of this name and a number hold what was learned on a pretrained block


@jax.tree_util.register_static
class Layout(str):
    """A text that rides in a tree of weights. Programs are compiled for it; equal texts share them."""

    __slots__ = ()
