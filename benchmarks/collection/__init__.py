"""A collection out of packages: things with a drawing, things with a name alone, and labels of other drawings."""
