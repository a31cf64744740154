"""What a benchmark does with VoxJAX, each for a process of its own; `worker_process` describes their functions."""

STEP = "voxjax.benchmarks.workloads.reference_step"
FEATURES = "voxjax.benchmarks.workloads.clip_features"
