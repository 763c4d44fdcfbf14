"""Words for what is looked for: an entity's name, its kinds (intension), and what a question says of it (extension)."""
