"""Command-line entry points: options, help texts and error messages."""
