"""Explanation maps of a network, and tests of their faithfulness."""
