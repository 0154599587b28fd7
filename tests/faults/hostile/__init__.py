"""Hostile and careless inputs, one module for each kind, and the run of every command on them."""
