"""Images of which the patient, grade, split or content is another than it was, as messages that name both."""

from __future__ import annotations

import pandas as pd

from livergrade.io.visible import shown

LISTED = 3
"""Changed images that a message names at most."""


def changed_images(before: pd.DataFrame, now: pd.DataFrame, *, same_images: bool = False) -> list[str]:
    """List the images that differ between two tables, with what each says of them.

    Args:
        before: facts of images, all text, with the image's name as the index.
        now: the same columns of the same images, or of others.
        same_images: whether images that only one of the tables has count as well.
    """
    both = before.index.intersection(now.index)
    changed = before.loc[both].ne(now.loc[both])
    messages = []
    for image in both[changed.any(axis=1)]:
        facts = [
            f"{fact} {shown(before.at[image, fact], 20)} there, {shown(now.at[image, fact], 20)} here"
            for fact in changed.columns[changed.loc[image]]
        ]
        messages.append(f"{shown(image)} ({'; '.join(facts)})")
    if same_images:
        messages += [f"{shown(image)} (only here)" for image in now.index.difference(before.index)]
        messages += [f"{shown(image)} (only there)" for image in before.index.difference(now.index)]
    return messages


def counted(messages: list[str]) -> str:
    """The messages on one line: their number, and the first few."""
    more = f", and {len(messages) - LISTED} more" if len(messages) > LISTED else ""
    count = "1 image differs" if len(messages) == 1 else f"{len(messages)} images differ"
    return f"{count}: {', '.join(messages[:LISTED])}{more}"
