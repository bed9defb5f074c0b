"""What the components of the data do: shards, statistics, leaks, the schema and its checks."""
