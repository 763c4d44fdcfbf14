"""Mentions: regions of pictures as the views of them that a vision tower sees."""
