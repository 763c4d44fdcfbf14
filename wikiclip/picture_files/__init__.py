"""Picture files of strangers: each is walked through first, and decoded only where it is what it says."""
