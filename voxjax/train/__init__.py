"""Training: one member's step, all members as one compiled program, and the loop over epochs.

Array functions are annotated with jaxtyping, as in `voxjax.audio`, whose names of sizes hold here too. A further one:

- `M`: members that are stacked.
"""
