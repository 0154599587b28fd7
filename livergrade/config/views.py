"""Number of views that an option value selects."""


def view_count(value: str, angles: int) -> int | None:
    """Convert ``all``, ``upright`` or a number as text to a number of views.

    Args:
        value: the option's value.
        angles: number of angles on the circle, 360 / ``augment.step_degrees``.

    Returns:
        1 to ``angles``; None if the text is not a valid value.
    """
    if value in ("all", "upright"):
        return angles if value == "all" else 1
    short = len(value) <= 9  # Python refuses to read a number of thousands of digits
    return int(value) if short and value.isdecimal() and 1 <= int(value) <= angles else None
