"""A list option as it can be typed in a shell, for the advice of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from livergrade.io.visible import one_line


def typed_list(option: str, items: Iterable[str]) -> str:
    r"""The option with its items, in quotes for the shell: ``'data.classes=[poor,well]'``.

    An item with an apostrophe or a quotation mark is in quotes of its own:
    ``"data.classes=[poor,\"well's\"]"``.
    """
    word = f"{option}=[{','.join(_typed(one_line(item)) for item in items)}]"
    return f"'{word}'" if "'" not in word else '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'


def _typed(item: str) -> str:
    if '"' in item:  # backslashes count double before the mark that ends the text, and nowhere else
        return "'" + re.sub(r"(\\*)('|$)", lambda match: 2 * match[1] + (match[2] and r"\'"), item) + "'"
    return f'"{item}"' if re.search(r"[',\[\]{}]", item) else item
