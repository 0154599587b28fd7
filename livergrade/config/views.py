"""How many views of an image an option asks for."""


def view_count(asked: str, angles: int) -> int | None:
    """Number of views that ``all``, ``upright`` or a number as text asks for.

    Args:
        asked: the option's value.
        angles: number of angles on the circle, 360 / ``augment.step_degrees``.

    Returns:
        1 to ``angles``; None where the text is none of these.
    """
    if asked in ("all", "upright"):
        return angles if asked == "all" else 1
    return int(asked) if asked.isdecimal() and 1 <= int(asked) <= angles else None
