"""Services that do the same work, and the callers that ask them."""
