"""What the page may send: checked against its type, and against what the review asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from livergrade.io.cells import cell_problem
from livergrade.io.visible import one_line
from livergrade.reading.store import Reading, RefusedError

REASONS = ("quality", "no_tissue", "wrong_stain", "artefact", "other_reason")
"""Why an image may be left out; the page has the words for them."""
KEEP = "keep"
NO_SHEET = "there is no contact sheet but in mode=confirm"
_Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_LONGEST_SECONDS = 1e6

Sent = TypeVar("Sent")


class SentReading(msgspec.Struct, forbid_unknown_fields=True):
    """A reading as the page sends it."""

    id: _Id
    place: Annotated[int, msgspec.Meta(ge=0, le=10**7)]
    choice: Annotated[str, msgspec.Meta(max_length=200)]
    excluded: bool
    confidence: Annotated[int, msgspec.Meta(ge=1, le=5)] | None
    seconds: float
    comment: Annotated[str, msgspec.Meta(max_length=2000)]


class SentDecision(msgspec.Struct, forbid_unknown_fields=True):
    """What is decided of several images of the contact sheet at once; without a choice it is taken back."""

    id: _Id
    places: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=10**7)]], msgspec.Meta(min_length=1)]
    choice: Annotated[str, msgspec.Meta(max_length=200)] | None
    excluded: bool


class SentUndo(msgspec.Struct, forbid_unknown_fields=True):
    """The wish to take a reading back."""

    id: _Id
    reading: _Id


class SentToken(msgspec.Struct, forbid_unknown_fields=True):
    """The one-time token of a link."""

    token: Annotated[str, msgspec.Meta(max_length=100)]


def parse(body: bytes, kind: type[Sent]) -> Sent:
    """Read what was sent.

    Raises:
        RefusedError: it is no JSON of this type.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(f"this can't be read: {one_line(error)[:200]}") from None


def choices(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What can be answered, in the order of the keys 1, 2, …; ``excluded``: it leaves the image out."""
    if facts["mode"] == "confirm":
        kept = [{"choice": KEEP, "excluded": False}]
        return kept + [{"choice": reason, "excluded": True} for reason in REASONS]
    grades = [{"choice": grade, "excluded": False} for grade in facts["classes"]]
    return [*grades, {"choice": "ungradable", "excluded": True}]


def checked(sent: SentReading, facts: Mapping[str, Any]) -> Reading:
    """The reading, if it is one of the answers that this review has.

    Raises:
        RefusedError: it is none.
    """
    _require_choice(sent, facts)
    if not math.isfinite(sent.seconds) or not 0 <= sent.seconds <= _LONGEST_SECONDS:
        raise RefusedError("seconds: is no time")
    comment = one_line(" ".join(sent.comment.split()))
    if (problem := cell_problem(comment)) and "formula" not in problem:  # those are quoted in the table
        raise RefusedError("comment: is not Unicode text")
    grade = None if sent.excluded or facts["mode"] == "confirm" else sent.choice
    return Reading(
        id=sent.id,
        place=sent.place,
        grade=grade,
        excluded=sent.choice if sent.excluded else None,
        confidence=sent.confidence,
        seconds=round(sent.seconds, 2),
        comment=comment,
    )


def decided(sent: SentDecision, facts: Mapping[str, Any]) -> list[Reading]:
    """A reading of each image of a decision; none if it is taken back.

    The number of a reading is that of the decision with the image's place, so that a decision that is sent
    again is the same readings.

    Raises:
        RefusedError: the review has no contact sheet or no such answer, or an image is named twice.
    """
    if facts["mode"] != "confirm":
        raise RefusedError(NO_SHEET)
    if len(set(sent.places)) < len(sent.places):
        raise RefusedError("an image is named twice")
    if sent.choice is None:
        return []
    _require_choice(sent, facts)
    return [
        Reading(
            id=f"{sent.id[:24]}{place:08x}",
            place=place,
            grade=None,
            excluded=sent.choice if sent.excluded else None,
            confidence=None,
            seconds=None,
            comment="",
        )
        for place in sent.places
    ]


def _require_choice(sent: SentReading | SentDecision, facts: Mapping[str, Any]) -> None:
    if {"choice": sent.choice, "excluded": sent.excluded} not in choices(facts):
        raise RefusedError("there is no such answer")
