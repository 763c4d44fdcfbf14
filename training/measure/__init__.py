"""What is measured: answers, ranks, scores, baselines and confidence."""
