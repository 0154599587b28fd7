"""The patient in an image's path, found with a regular expression that somebody else may have written."""

from __future__ import annotations

import re
import unicodedata

from livergrade.config.validation import LONGEST_PATTERN
from livergrade.errors import UserError
from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.patterns import SECONDS, search_group
from livergrade.io.visible import shown


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that is no regular expression, is too long, or has no group ``patient``.

    Raises:
        UserError: it is one of these.
    """
    option = f"data.patient_pattern={shown(pattern)}"
    if len(pattern) > LONGEST_PATTERN:
        raise UserError(f"{option}: is longer than {LONGEST_PATTERN} characters")
    try:
        groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise UserError(f"{option}: not a regular expression: {shown(error)}") from None
    if "patient" not in groups:
        raise UserError(
            f"{option}: has no group named patient; write the part that names the patient as "
            r"(?P<patient>...), for example (?P<patient>P\d+)"
        )


def patients_of(images: list[str], pattern: str) -> list[str]:
    """The patient that the pattern names in each path; empty where it names none, though it does in others.

    Both are compared with letters and their accents in one piece, since to a pattern an accent that stands
    alone, as in names from a Mac, is no letter. The name comes in pieces again where the path has it so.

    Raises:
        UserError: the search takes too long, or the pattern names a patient in no path at all.
    """
    if not images:
        return []
    try:
        composed = [unicodedata.normalize("NFC", image) for image in images]
        form = unicodedata.normalize("NFC", pattern)
        names = run_bounded(search_group, form, "patient", composed, seconds=SECONDS)
    except TimeLimitError as error:
        raise UserError(
            f"data.patient_pattern={shown(pattern)}: {error}, to search {len(images)} paths; write it "
            "without a repeat within a repeat, as (a+)+ is"
        ) from None
    if not any(names):
        raise UserError(
            f"data.patient_pattern={shown(pattern)}: names a patient in none of the {len(images)} images, "
            f"as {shown(images[0])}; write the part of the path that is the patient as (?P<patient>...), for "
            r"example (?P<patient>\d+) for the first digits"
        )
    return [
        name if name in image else unicodedata.normalize("NFD", name)
        for name, image in zip(names, images, strict=True)
    ]
