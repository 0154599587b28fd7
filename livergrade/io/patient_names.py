"""Names of patients that are one name in several spellings: ``P7``, ``P-07`` and ``p 007``."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from livergrade.io.visible import one_line

# Unicode's characters that show nothing ("default ignorable"), besides those of category Cf.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_SEPARATORS = ("P", "S", "Z", "Cc")
_NUMBER = re.compile("[0-9]+")
_WHOLE_NUMBER = re.compile(r"0*([0-9]+)\.0")
_LATIN = str.maketrans(
    "авекмнорстухіјѕԁԛԝ" + "αβεζηικμνορτυχ",
    "abekmhopctyxijsdqw" + "abezhikmnoptyx",
)
"""Cyrillic and Greek letters whose capitals look like Latin ones: a keyboard was switched."""
_DIVIDES_NUMBERS = re.compile("(?<=[0-9])-+(?=[0-9])")

WRITE_ONE_NAME = (
    "where they are one person, write one name in the table; where they are different people, "
    "set data.patient_names=exact"
)
"""What to do about spellings in a table that gives patients to files."""


@functools.lru_cache(2**16)  # a patient has many images
def patient_key(name: str) -> str:
    """Key of a patient's name: equal for all its spellings.

    Case, the form of Unicode, characters without width, and zeros before a number do not count. Neither does
    whether a letter is Cyrillic, Greek or Latin, if their capitals look alike, nor do separators (whatever is
    no letter, no mark and no digit), but for those between two digits, of which it does not count which ones
    they are: ``1-11`` is ``1.11`` and ``01_11``, and neither ``11-1`` nor ``111``.

    Returns:
        The key, which is its own key; empty for a name that shows nothing.
    """
    before, key = None, name
    while key != before:  # what is dropped may join a letter with its accent, so that they are to be composed
        before, key = key, _simplified(key)
    return key


def patient_keys(name: str) -> list[str]:
    """Keys of all names that a patient may have elsewhere: ``101.0`` is 101 as pandas writes it again."""
    whole = _WHOLE_NUMBER.fullmatch(name.strip())
    return [patient_key(name), *([whole[1]] if whole else [])]


def _simplified(name: str) -> str:
    letters = _shown(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _shown(name)).casefold()))
    plain = "".join(_plain(letter) for letter in letters.translate(_LATIN))
    numbers = _NUMBER.sub(lambda number: number[0].lstrip("0") or "0", plain)
    # The separators that stay are marked by another sign before the others are dropped.
    key = _DIVIDES_NUMBERS.sub("\0", numbers).replace("-", "").replace("\0", "-")
    return key or "".join(letters.split())  # a name of separators alone, as "?", is a name nevertheless


def _shown(text: str) -> str:
    visible = _INVISIBLE.sub("", text)
    return "".join(letter for letter in visible if unicodedata.category(letter) != "Cf")


def _plain(letter: str) -> str:
    """A digit of any script as one of 0 to 9, a separator as a hyphen, and any other character as it is."""
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    return "-" if category.startswith(_SEPARATORS) else letter


def name_families(names: Iterable[str]) -> list[dict[str, int]]:
    """Find the names that come in several spellings.

    Args:
        names: the patient of each image; names that show nothing are unknown patients, and passed over.

    Returns:
        For each such name its spellings with their numbers of images, the most frequent first.
    """
    by_key: dict[str, dict[str, int]] = {}
    counts = Counter(names)
    keys = {patient_key(name) for name in counts}
    for name, images in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        key = next((key for key in patient_keys(name)[1:] if key in keys), patient_key(name))
        by_key.setdefault(key, {})[name] = images
    return [by_key[key] for key in sorted(by_key) if key and len(by_key[key]) > 1]


def family_problems(names: Iterable[str], unit: str = "image") -> list[str]:
    """Describe the names that come in several spellings, one line each.

    Args:
        names: the patient of each image.
        unit: what a name is counted in.
    """
    problems = []
    for family in name_families(names):
        listed = ", ".join(
            f"{quoted(name)} ({number} {unit}{'s' * (number != 1)})" for name, number in family.items()
        )
        problems.append(f"one patient's name in {len(family)} spellings: {listed}")
    return problems


def quoted(name: str) -> str:
    """A name within quotes; where others may look like it, also its characters by their codes."""
    codes = "".join(letter if letter.isascii() else ascii(letter)[1:-1] for letter in name)
    looks_alike = any(
        unicodedata.normalize("NFKC", letter) != letter
        or _hard_to_see(letter)
        or letter.casefold().translate(_LATIN) != letter.casefold()
        for letter in name
    )
    return f"'{one_line(name)}'" + f" (as codes: {codes})" * looks_alike


def _hard_to_see(letter: str) -> bool:
    return (not letter.isascii() and unicodedata.category(letter)[0] in "CMZP") or bool(
        _INVISIBLE.match(letter)
    )
