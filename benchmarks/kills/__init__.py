"""What killing the commands of an index takes: a small knowledge base, processes that are killed, and what to check."""
