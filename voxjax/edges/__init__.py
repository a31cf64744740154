"""Where arrays meet files, TensorBoard, plots and people."""
