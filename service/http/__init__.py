"""The connection: protocol, bodies, keys, origin, limits, headers and the request log."""
