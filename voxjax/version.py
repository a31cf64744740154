"""The version of VoxJAX."""

__version__ = "0.1.0"
