"""Decoding: from a file of any common container to blocks of samples, read to the end of its content.

`signatures` recognises files by their first bytes; `riff`, `flac`, `ogg` and `mpeg` find the streams in a file from its
own structure, as frame counts and sizes in headers may be missing or wrong; `blocks` decodes a stream with libsndfile.
"""
