"""The records of an index version: entities by number, id or title."""
