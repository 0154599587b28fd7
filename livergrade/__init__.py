"""Grade H&E histology by degree of differentiation."""

__version__ = "0.1.0"
