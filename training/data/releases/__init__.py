"""Published sets of annotated pictures: one module a set, and what their files have in common."""
