"""A trained run grades new images and slides."""
