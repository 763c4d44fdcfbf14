"""Indexes on GPUs, and where an index is searched."""
