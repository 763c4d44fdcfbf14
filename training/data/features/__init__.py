"""Frozen features that are kept on disk, so that a tower sees everything once."""
