"""Free pictures with an alpha channel, matched to the entities that their captions name."""
