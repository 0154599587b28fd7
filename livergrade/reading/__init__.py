"""Pathologists read images, and how well they and a network agree."""
