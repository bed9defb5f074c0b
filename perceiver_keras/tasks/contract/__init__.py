"""What a task promises, in four parts: its examples, how it is measured, how it serves, how people ask it."""
