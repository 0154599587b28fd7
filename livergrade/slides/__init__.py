"""Whole slides: cut images with a manifest, and map graded tiles back onto the slide."""
