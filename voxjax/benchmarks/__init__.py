"""Benchmarks of VoxJAX's programs: time and memory."""
