"""What searching is measured with: texts, vectors, truth, one system at a time, and tables."""
