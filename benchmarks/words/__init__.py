"""Finding records by words, at the size that is wanted."""
