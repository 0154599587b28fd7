"""Cases of no harm, which show that the others are refused for what is hostile in them."""

from __future__ import annotations

from tests.faults.hostile.case import Case, Place


def _image(place: Place) -> str:
    return str(next(place.manifest.parent.glob("*/*.png")))


def _graded(place: Place) -> None:
    assert (place.out / "images.csv").is_file(), "no table of images"


CASES = [
    Case(
        "an image and a run as they are",
        "predict",
        lambda place: [f"run={place.run}", _image(place), "accelerator=cpu", f"out={place.out}"],
        check=_graded,
    ),
    Case(
        "a run that is not there",
        "predict",
        lambda place: [f"run={place.folder / 'nowhere'}", _image(place), f"out={place.out}"],
        refused="is not a run",
    ),
    Case(
        "a run as it is, evaluated",
        "evaluate",
        lambda place: [f"run={place.run}"],
    ),
]
