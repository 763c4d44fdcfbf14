"""Who makes the chunks of a plan: this process, one of several parts, or a Ray cluster."""
