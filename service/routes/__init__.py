"""The paths that are served, and the OpenAPI document that describes them."""
