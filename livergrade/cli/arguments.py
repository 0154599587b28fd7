"""Arguments of a call from Python: of another type than they must be, they are refused in one line."""

from __future__ import annotations

from livergrade.errors import UserError
from livergrade.io.visible import shown


def require_type(name: str, value: object, types: type | tuple[type, ...], must_be: str) -> None:
    """Check the type of an argument, and that a text is not empty.

    Args:
        name: of the argument.
        value: what was given.
        types: what it may be; ``True`` and ``False`` are no numbers.
        must_be: what it must be, in words, as ``"the path of a folder"``.

    Raises:
        UserError: it is of another type, or an empty text.
    """
    allowed = types if isinstance(types, tuple) else (types,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        if value is None or isinstance(value, bool | int | float):
            raise UserError(f"{name}={value}: must be {must_be}")
        if isinstance(value, str):
            raise UserError(f"{name}={shown(repr(value), 60)}: must be {must_be}")
        raise UserError(f"{name}: is of type {type(value).__name__}; must be {must_be}")
    if value == "":
        raise UserError(f"{name}: is empty; must be {must_be}")
