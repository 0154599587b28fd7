"""Which images are read: those of a table, a folder of slides, a cohort or a finished run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livergrade.config.schema import DataConfig, ReviewConfig
from livergrade.data.kinds import read_cohort
from livergrade.data.validation import broken_files, names_outside
from livergrade.errors import UserError
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.grade_map import grade_map, unknown_grades
from livergrade.io.images import SUFFIXES
from livergrade.io.inside import Inside
from livergrade.io.named_files import as_named
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.pixel_size import read_mpp
from livergrade.io.row_messages import row_messages
from livergrade.io.slide_files import files_of, slide_sha256
from livergrade.io.slide_reader import SUFFIXES as SLIDE_SUFFIXES
from livergrade.io.user_tables import Wanted, path_hint, read_user_table
from livergrade.io.visible import one_line
from livergrade.reading.opened_slides import opened_slides, slide_name
from livergrade.runs.run import Run
from livergrade.slides.inputs import find_slides

MANIFEST = "manifest.csv"
"""The table that ``livergrade.prepare`` leaves in its folder."""

_IMAGES_NEED_A_TABLE = (
    "images that are no slides are read from a table with the column image, as in manifest=cohort.csv; their "
    "grades and patients need not be known"
)


@dataclass(frozen=True)
class ReviewImages:
    """Images that are to be read.

    Attributes:
        table: one row per image, all text: ``image`` (path in ``root``), ``sha256``, ``patient``, ``grade``
            and ``mpp`` (blank where not known), and the manifest's other columns.
        root: folder of the ``image`` paths, absolute.
        classes: the grades, worst to best.
        reading: how the images are read.
        slides: whether they are whole slides.
    """

    table: pd.DataFrame
    root: Path
    classes: list[str]
    reading: PixelReading
    slides: bool = False


def images_of(config: ReviewConfig) -> ReviewImages:
    """The images that the options name.

    Raises:
        UserError: the source can't be read, or images are missing or damaged; all are listed.
    """
    assert config.data
    if config.run:
        return of_run(Run(Path(config.run)), outside=config.data.outside)
    if config.data.name == "manifest":
        return _of_table(config.data, kept=config.mode == "confirm")
    cohort = read_cohort(config.data, outside=config.data.outside)
    return ReviewImages(_complete(cohort.table), cohort.root.absolute(), cohort.classes, cohort.reading)


def of_run(run: Run, *, outside: bool) -> ReviewImages:
    """The test images of a finished run, where its own cohort has them, with the run's content.

    Raises:
        UserError: the folder holds no run, or an image is missing or another one.
    """
    tested = run.tested.drop_duplicates("image")[["image", "patient", "grade"]]
    cohort = read_cohort(run.config.data, outside=outside, run=run.folder)
    below = Inside(cohort.root, outside=outside)
    for image in tested["image"]:
        run.image(image, below)
    table = cohort.table[cohort.table["image"].isin(tested["image"])].reset_index(drop=True)
    if lost := sorted(set(tested["image"]) - set(table["image"])):
        raise UserError(
            f"{run.folder}: {len(lost)} test images are no longer in its cohort, {one_line(lost[0])} among "
            "them; put them back, or give a manifest"
        )
    return ReviewImages(_complete(table), cohort.root.absolute(), run.classes, cohort.reading)


def _of_table(options: DataConfig, *, kept: bool) -> ReviewImages:
    """Images, or slides, of a table whose grades need not be known yet, or the slides of a folder.

    Args:
        options: where it is, and how it is read.
        kept: whether its grades are those that a network is trained on; each must be a grade or blank then.

    Raises:
        UserError: with all problems, one per line.
    """
    path = Path(options.manifest or "")
    if path.is_dir() and not (path / MANIFEST).is_file():
        try:
            slides = find_slides([str(path)], outside=options.outside)
        except UserError as error:
            if any(file.suffix.lower() in SUFFIXES for file in path.iterdir()):
                raise UserError(f"{error}\n{_IMAGES_NEED_A_TABLE}") from None
            raise
        cells = pd.DataFrame({"image": [slide.name for slide in slides]}, dtype=str)
        return _checked(
            path, path.absolute(), options, cells, lambda row: f"slide {row + 1}", [], slides=True
        )
    path = path / MANIFEST if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{path}: there is no such table{path_hint(str(path))}; give manifest=<file.csv>")
    root = (Path(options.root) if options.root else path.parent).absolute()
    known = ("image", "slide", "patient", "grade", "mpp", "sha256")
    columns, numbers = vars(options.columns), {"mpp": read_mpp}
    found = read_user_table(path, Wanted(known, (), columns, "data.columns", numbers))
    slides_alone = "slide" in found.cells and "image" not in found.cells
    if not slides_alone:
        found = read_user_table(path, Wanted(known, ("image",), columns, "data.columns", numbers))
    cells = found.cells.apply(lambda column: column.str.strip())
    cells = cells.rename(columns={"slide": "image"}) if slides_alone else cells
    suffixes = SLIDE_SUFFIXES if slides_alone else SUFFIXES
    names = [as_named(name, root, options.suffix, suffixes) for name in cells["image"]]
    cells["image"] = [slide_name(root, name) for name in names] if slides_alone else names
    problems = [*found.problems]
    if "grade" in cells:
        meant = grade_map(options.grades)
        cells["grade"] = cells["grade"].map(meant.of).fillna("")
        alien, advice = unknown_grades(cells["grade"].tolist(), options.classes, "data.classes", meant)
        if kept and alien:
            problems += [*row_messages(alien, found.where)]
            problems[-1] += f"; {advice}"
    return _checked(path, root, options, cells, found.where, problems, slides=slides_alone)


def _checked(
    path: Path,
    root: Path,
    options: DataConfig,
    cells: pd.DataFrame,
    where: Callable[[int], str],
    problems: list[str],
    *,
    slides: bool,
) -> ReviewImages:
    """The images of a table, each opened and hashed.

    Args:
        path: the table, or the folder.
        root: of the names.
        options: how the files are read.
        cells: of the table, with ``image``.
        where: name of a row in messages, by its number from 0.
        problems: what is wrong with the table already.
        slides: whether they are slides.

    Raises:
        UserError: with all problems, one per line.
    """
    for row, (name, twice) in enumerate(zip(cells["image"], cells["image"].duplicated(), strict=True)):
        if not name or twice:
            problems.append(f"{where(row)}: image {one_line(name) or 'is blank'}{' again' * bool(twice)}")
    led_out = {} if options.outside else names_outside(cells["image"].tolist(), Inside(root))
    problems += [f"{where(row)}: image {one_line(reason)}" for row, reason in led_out.items()]
    files = {row: root / name for row, name in enumerate(cells["image"]) if name and row not in led_out}
    if slides:
        sizes = cells.get("mpp", pd.Series("", cells.index)).tolist()
        damaged, cells["mpp"] = opened_slides(files, sizes, options.icc)
    else:
        damaged = broken_files(files, opened_only=True, reading=options.reading())
    problems += [f"{where(row)}: image {one_line(files[row])} {why}" for row, why in damaged.items()]
    if not problems:
        hashes = _hashes([root / name for name in cells["image"]], slides=slides)
        for row, (told, real) in enumerate(zip(cells.get("sha256", hashes), hashes, strict=True)):
            if told and told.lower() != real:
                problems.append(f"{where(row)}: image does not match the sha256 in the manifest")
        cells["sha256"] = hashes
    if problems:
        listed = "\n".join(f"  {line}" for line in problems)
        raise UserError(f"{path}: {len(problems)} problem(s); correct those rows:\n{listed}")
    return ReviewImages(_complete(cells), root, options.classes, options.reading(), slides)


def _hashes(paths: list[Path], *, slides: bool) -> list[str]:
    """SHA-256 of each image, or of all files of each slide."""
    files = [file for path in paths for file in files_of(path)] if slides else paths
    known = dict(zip(files, Fingerprints(None).of(files), strict=True))
    return [slide_sha256(path, known.__getitem__) if slides else known[path] for path in paths]


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text, with a column for all that may be known, in a fixed order of columns and rows."""
    first = ["image", "sha256", "patient", "grade", "mpp"]
    text = table.fillna("").astype(str)
    for name in first:
        if name not in text:
            text[name] = ""
    others = [name for name in text if name not in first]
    return text[[*first, *others]].sort_values("image", ignore_index=True)
