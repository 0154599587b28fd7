"""Declare options with meaning and bounds, and list the options of a config object."""

from collections.abc import Container, Iterator
from dataclasses import field, fields, is_dataclass
from typing import Any


def option(
    default: Any,  # noqa: ANN401 - the field's own annotation is the type
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    path: bool = False,
) -> Any:  # noqa: ANN401
    """Declare an option: its default, meaning (with the unit) and allowed values.

    With ``path`` the value of a cohort option is made absolute, so that a run can be resumed from any folder.
    """
    metadata = {"meaning": meaning, "choices": choices, "low": low, "high": high, "path": path}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def options(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    """Yield ``(dotted key, dataclass field, value)`` for every leaf option of a config object."""
    for item in fields(schema):
        value = getattr(schema, item.name)
        if is_dataclass(value):
            yield from options(value, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", item, value


def describe(schema: Any, without: Container[str] = ()) -> str:  # noqa: ANN401
    """The options as text for ``--help``: key, default, meaning.

    Args:
        schema: a dataclass with all defaults.
        without: options that are left out, since the command refuses them.
    """
    lines = []
    for key, item, value in options(schema):
        if key in without:
            continue
        text = "null" if value is None else f"[{','.join(value)}]" if isinstance(value, list) else value
        if str(text).startswith("${"):
            text = f"<{value[2:-1]}>"  # follows another option
        lines.append(f"  {key}={text}\n      {item.metadata['meaning']}")
    return "\n".join(lines)
