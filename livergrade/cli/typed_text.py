"""Keep what is typed for a text option as it is typed: Hydra would read ``1e5`` as the number 100000.0."""

from __future__ import annotations

import re
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException

from livergrade.cli.typed_names import quoted
from livergrade.config.fields import options

_ITEM = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\[\],'"]+""")


def keep_text(words: list[str], schema: Any) -> list[str]:  # noqa: ANN401 - a dataclass
    """Quote the values of text options that Hydra reads otherwise: ``007``, ``[1e5,0.50]``, ``{G1: well}``.

    Args:
        words: the command line.
        schema: the options, as a dataclass with their defaults.
    """
    texts = {key for key, item, _ in options(schema) if item.type in (str, str | None)}
    lists = {key for key, item, _ in options(schema) if item.type == list[str]}
    maps = {key for key, item, _ in options(schema) if item.type is Any}
    kept = []
    for word in words:
        key, _, value = word.partition("=")
        name = key.lstrip("+")
        if name in lists and "[" in value:
            value = _ITEM.sub(lambda item: _quoted(item[0], null=True), value)
        elif name in (texts | maps) and value.startswith("{"):  # with letters that Hydra would refuse
            value = quoted(value)
        elif name in texts:
            value = _quoted(value, null=False)
        kept.append(f"{key}={value}" if "=" in word else word)
    return kept


def _quoted(text: str, *, null: bool) -> str:
    """The text in quotes, if it is a number or a word that is written otherwise once it is read."""
    bare = text.strip()
    try:
        value = OverridesParser.create().parse_override(f"x={bare}").value()
    except OverrideParseException:
        return text
    except HydraException:  # it has a letter that Hydra reads in quotes alone, as ä
        return quoted(bare) if bare else text
    read_otherwise = isinstance(value, bool | int | float) or (null and value is None)
    return f"'{bare}'" if read_otherwise and str(value) != bare else text
