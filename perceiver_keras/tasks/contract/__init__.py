"""What a task promises, in four parts: its examples, how it is measured, how it serves, and how people query it."""
