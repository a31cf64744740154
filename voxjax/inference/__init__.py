"""From sound files to answers, with a model folder and nothing else."""
