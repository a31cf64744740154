"""Static values in an encoder's weights: the layout of the network, and the prefix of its fine-tuned modules."""

import jax

TUNED = "tuned_"  # prefix of the modules with the updates of a pretrained block


@jax.tree_util.register_static
class Layout(str):
    """A static string in a tree of weights. A program is compiled once for equal strings."""

    __slots__ = ()
