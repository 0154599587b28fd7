"""The error of one image file."""


class ImageError(Exception):
    """The file is not an image that can be graded; the message gives the reason."""
