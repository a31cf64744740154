"""What VoxJAX's programs cost: time and memory."""
