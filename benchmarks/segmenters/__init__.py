"""Scenes with true masks to hold segmenters against."""
