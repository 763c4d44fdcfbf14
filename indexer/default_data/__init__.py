"""The data of the knowledge bases that need no file of a user's: fetched as others packed it, and never installed."""
