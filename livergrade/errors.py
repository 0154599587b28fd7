"""The one exception that is the user's to fix."""


class UserError(Exception):
    """A mistake in what the user gave: its message names the file, row or key, the reason and the fix.

    Commands print the message alone, without a traceback, and exit non-zero.
    Anything else that is raised is a fault of ours and keeps its traceback.
    """
