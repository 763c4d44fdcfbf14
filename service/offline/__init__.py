"""Linking whole sets without a server."""
