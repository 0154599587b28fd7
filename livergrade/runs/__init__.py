"""The run folder as a contract: where it lies, what it holds, and how it is read back."""
