"""What is known of the updates that a version holds: a note beside its files, and how their records go on."""
