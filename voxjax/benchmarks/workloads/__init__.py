"""What a benchmark does with VoxJAX, each for a process of its own; `worker_process` describes their functions."""
