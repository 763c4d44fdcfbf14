"""A stand-in for a model hub: as much of the protocol as fetching asks for, and small models at random weights."""
