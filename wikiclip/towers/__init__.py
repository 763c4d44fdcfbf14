"""Frozen backbones: pictures to patches and a pooled vector, descriptions to token embeddings."""
