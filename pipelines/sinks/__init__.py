"""Where labels go: the label store (SQL) and the sinks that it feeds with its changes."""
