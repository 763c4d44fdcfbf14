"""Learns a checkpoint from annotated pictures and measures how well it links."""
