"""audformat's `segmented` index, as its tables store it in CSV: `file`, `start`, `end`, times as pandas writes them."""

from voxjax.annotation import base, csv_table


def recognises(text: str) -> bool:
    """Whether the table begins with audformat's columns, and its first time is pandas' "0 days 00:00:01"."""
    header, _, rest = text.partition("\n")
    return header.strip().split(",")[:3] == ["file", "start", "end"] and " days " in rest.partition("\n")[0]


FORMAT = base.SegmentFile((), recognises, csv_table.read_open_ends)
