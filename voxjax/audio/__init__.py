"""Audio: decoding, signal processing, features, augmentation and normalisation.

Array functions are annotated with jaxtyping; the tests check every annotation against the arrays that pass.
One name means one size in all modules of this package:

- `time`: samples of one zero-padded clip; its `length` counts the valid ones.
- `window`, `hop`: samples of an analysis window, and between two windows.
- `frames`: analysis windows of a clip, `time // hop + 1`; each is centred on a multiple of the hop.
- `bins`: frequencies of a spectrum, `window // 2 + 1`.
- `mels`, `filters`, `bands`: outputs of a filter bank.
- `batch`, `clips`: clips that are processed together.
- `T`, `C`, `B`, `K`: positions (frames, or an encoder's), channels, clips of a batch, classes.
- `...` and `*name`: any number of leading axes.
"""
