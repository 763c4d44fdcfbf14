"""What a person looks at: the page of a run, its tables, curves and thumbnails."""
