"""Lines of the log, on the screen and in the log's file, without characters that would steer a terminal."""

import logging

from livergrade.io.visible import visible


class LogLines(logging.Formatter):
    """Formatter of all handlers, named in ``conf/hydra/job_logging/livergrade.yaml``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line with control characters as escapes; line breaks stay."""
        return visible(super().format(record))
