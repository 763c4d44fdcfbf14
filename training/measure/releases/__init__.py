"""What a checkpoint and other systems answer to published sets, and the scores that their papers print."""
