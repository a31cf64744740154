"""Data: corpora, labels, splits, the clip store, features of clips, quality checks and synthetic speech.

Array functions are annotated with jaxtyping, as in `voxjax.audio`, whose names of sizes hold here too. Further ones:

- `rows`: windows of clips, of which a long clip has several.
- `copies`: a clip and its offline augmentations.
- `steps`: batches of an epoch.
- `train`, `valid`, `test`: clips of a subset.
"""
