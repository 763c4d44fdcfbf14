"""Comparisons that settled the recipe."""
