"""The run folder: its location, its content, and how it is read."""
