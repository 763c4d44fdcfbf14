"""Records to vectors: the plan of a build, its chunks, and the model on every device that embeds."""
