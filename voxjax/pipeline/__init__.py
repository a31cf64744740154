"""From a config to arrays: dataset, folds, features and members."""
