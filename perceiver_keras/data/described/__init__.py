"""What is measured of a stored example: numbers and names that statistics, schema and slices can read."""
