"""What learns: the step, its loss and negatives, sampling, the trainer and its run."""
