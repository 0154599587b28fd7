"""Values in Markdown: shown as they are, whatever they are."""

from __future__ import annotations

import re

from livergrade.io.visible import one_line

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$#!])")
# GitHub and Hugging Face make links of these without being asked. They do so after they have read escapes and
# entities, so only something between the parts keeps them apart: an empty comment, which is not shown.
_LINK = re.compile(r"((?:https?|ftp|file|mailto|xmpp):|www\.|@|:(?=//))", re.IGNORECASE)


def escape_markdown(content: object) -> str:
    """Return a value as one line of escaped Markdown, so that none of it is read as markup or as a link."""
    text = _MARKUP.sub(r"\\\1", one_line(" ".join(str(content).split())))
    return _LINK.sub(r"\1<!-- -->", text)
