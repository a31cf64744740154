"""What training leaves on disk: model folders and checkpoints."""
