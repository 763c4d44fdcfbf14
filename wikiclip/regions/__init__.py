"""What a caller hands over to name a mention, and how it becomes a mask."""
