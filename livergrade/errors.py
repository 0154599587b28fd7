"""The exception for errors that the user can fix."""


class UserError(Exception):
    """An error in the user's input: its message names the file, row or key, the reason and the fix.

    Commands print only the message, without a traceback, and exit non-zero.
    Any other exception is a bug in the package and keeps its traceback.
    """
