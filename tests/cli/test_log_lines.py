"""Lines of the log."""

import logging

from livergrade.cli.log_lines import LogLines


def test_a_name_steers_no_terminal_and_our_line_breaks_stay() -> None:
    record = logging.LogRecord("n", logging.INFO, "f.py", 1, "%s:\n  two", ("a\x1b[2J\u202e",), None)
    assert LogLines("%(levelname)s %(message)s").format(record) == "INFO a\\x1b[2J\\u202e:\n  two"
