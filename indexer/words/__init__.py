"""Records by the words that are anywhere in them: how words are told apart, kept in a shard, and found."""
