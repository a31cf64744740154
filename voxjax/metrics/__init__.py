"""Classification, calibration, selective prediction, significance and soft voting."""
