"""Grade images and whole slides with a trained network.

python -m livergrade.predict run=outputs/senet/<time> images/*.png
python -m livergrade.predict run=outputs/senet/<time> slide.svs
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command, command_line, plain
from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.io.tables import write_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from livergrade.inference.grader import Grader
    from livergrade.inference.inputs import Input


log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> PredictConfig:
    """The options of a prediction, every value checked."""
    config = plain(composed, PredictConfig)
    if not config.run:
        raise UserError("run: which network grades? Give a run's folder, as in run=outputs/senet/<time>")
    if not config.inputs:
        raise UserError("inputs: what is graded? Name images, slides, folders, or a CSV")
    return config


@command(
    "predict",
    "run=outputs/senet/<time> images/*.png slide.svs",
    "Grade images and whole slides with a trained network.",
    PredictConfig(),
    checked,
    words="inputs",
)
def main(config: PredictConfig) -> None:
    """Grade the images, then slide by slide; one that can't be read stops no other."""
    from livergrade.inference.inputs import find_inputs
    from livergrade.io.slide_reader import require

    found = find_inputs(config.inputs)
    if any(one.slide for one in found):
        require()

    import pandas as pd

    from livergrade.inference.answers import answered, set_limits
    from livergrade.inference.grader import Grader
    from livergrade.io.files import write_json

    assert config.run
    out = Path(HydraConfig.get().runtime.output_dir)
    run = Path(config.run).absolute()
    grader = Grader(run, config.views, config.accelerator, calibrated=config.calibrated)
    _refuse_other_options(config, out)
    if config.calibrated and not grader.temperature:
        log.warning("probabilities are not calibrated: %s", grader.calibration["reason"])
    limits, lacking = set_limits(
        grader.calibration, config.coverage, calibrated=config.calibrated, views=len(grader.degrees)
    )
    if lacking:
        log.warning("sets of grades: %s", lacking)
    if math.isinf(grader.limit):
        log.warning("nobody is told if an image is unlike the training images: the run set no limit")

    def answers(table: pd.DataFrame, level: str) -> pd.DataFrame:
        return answered(table, grader.classes, limits.get(level), config.abstain)

    failed: dict[str, str] = {}
    images = grade_images(
        [one for one in found if not one.slide],
        grader,
        config,
        out,
        failed,
        answers=lambda table: answers(table, "image"),
    )
    slides = [grade_slide(one, grader, config, out, failed) for one in found if one.slide]
    told = pd.DataFrame([row for row in slides if row])
    if len(told):
        told = answers(told, "slide")
        write_table(told, out / "slides.csv")
    patients = by_patient(images, told, grader.classes)
    if len(patients):
        of_images = patients["of"] == "images"
        parts = [answers(patients[of_images], "patient"), answers(patients[~of_images], "slide")]
        patients = pd.concat(parts).sort_index()
        write_table(patients, out / "patients.csv")
    write_json(
        {
            "run": config.run,
            "model": grader.model,
            "command": command_line(),
            "views": len(grader.degrees),
            "classes": grader.classes,
            "temperature": grader.temperature,
            "coverage": config.coverage,
            "no_sets": lacking or None,
            "abstain": config.abstain,
            "images": images.to_dict("records"),
            "slides": told.to_dict("records"),
            "patients": patients.to_dict("records"),
            "failed": failed,
        },
        out / "predictions.json",
    )
    for title, table in (("images", images), ("slides", told), ("patients", patients)):
        if len(table):
            counts = table["answer"].value_counts()
            counts = counts.reindex([*grader.classes, *counts.index.difference(grader.classes)], fill_value=0)
            log.info("%d %s: %s", len(table), title, ", ".join(f"{n} {grade}" for grade, n in counts.items()))
    log.info("%s", out)
    if failed:
        lines = [f"  {path} {reason}" for path, reason in failed.items()]
        raise UserError(f"{len(failed)} of {len(found)} files could not be graded:\n" + "\n".join(lines))


def _refuse_other_options(config: PredictConfig, out: Path) -> None:
    """What an earlier start left in the folder is kept, so it must have been made in the same way."""
    from livergrade.io.files import write_json

    stored = out / "options.json"
    keys = (
        *("run", "views", "slide_mpp", "tile_um", "stride", "min_tissue"),
        *("calibrated", "coverage", "abstain"),
    )
    now = {key: getattr(config, key) for key in keys} | {"run": str(Path(config.run or "").absolute())}
    if stored.is_file() and (before := json.loads(stored.read_text("utf-8"))) != now:
        lines = [
            f"  {key}: {before.get(key)} there, {now[key]} now" for key in keys if before.get(key) != now[key]
        ]
        raise UserError(
            f"{out}: holds predictions made in another way; choose another out:\n" + "\n".join(lines)
        )
    write_json(now, stored)


def grade_images(
    images: Sequence[Input],
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Callable[[pd.DataFrame], pd.DataFrame],
) -> pd.DataFrame:
    """Grade image files into ``images.csv``, kept up to date; what it holds already is not graded again.

    Returns:
        One row an image: ``image``, ``patient``, ``predicted``, ``p_<grade>``, ``spread`` (standard deviation
        over the views of the predicted grade's probability), ``agree`` (share of views of that grade),
        ``distance`` and ``unlike`` as `Grader.likeness` has them, and what ``answers`` adds, the columns
        ``set`` and ``answer``.
    """
    import pandas as pd
    from tqdm import tqdm

    from livergrade.inference.readers import ImageFiles, read_ahead

    target = out / "images.csv"
    columns = [
        "image",
        "patient",
        "predicted",
        *(f"p_{grade}" for grade in grader.classes),
        "spread",
        "agree",
        "distance",
        "unlike",
    ]

    def stored() -> pd.DataFrame:
        if not target.is_file():
            return pd.DataFrame(columns=columns)
        return pd.read_csv(target, dtype={"image": str, "patient": str}, keep_default_na=False)

    before = stored()
    known = set(before["image"])
    missing = [one for one in images if str(one.path) not in known]
    if len(missing) < len(images):
        log.info("%d of %d images were graded before", len(images) - len(missing), len(images))
    rows: list[dict[str, Any]] = []

    def table() -> pd.DataFrame:
        graded = pd.DataFrame(rows, columns=columns)
        together = pd.concat([before[columns], graded]) if len(before) else graded
        return answers(together.sort_values("image", ignore_index=True))

    read = ImageFiles([one.path for one in missing], grader.size)
    try:
        with tqdm(total=len(missing), desc="grading", unit="image", disable=not missing) as bar:
            for numbers, squares, reasons in read_ahead(
                read, len(missing), batch_size=config.batch_size, workers=config.workers
            ):
                failed.update({str(missing[number].path): reason for number, reason in reasons.items()})
                graded = grader.grade(squares) if numbers else ()
                away = grader.distances(squares) if numbers else ()
                for number, views, distance in zip(numbers, graded, away, strict=True):
                    one = missing[number]
                    named = {"image": str(one.path), "patient": one.patient}
                    rows.append(named | graded_row(views, grader.classes) | grader.likeness(distance))
                bar.update(len(numbers) + len(reasons))
                if len(rows) // 1000 > (len(rows) - len(numbers)) // 1000:
                    write_table(table(), target)
    finally:
        if rows:
            write_table(table(), target)
    return stored()  # rounded as a later start reads it, for patients' figures to be the same


def grade_slide(
    one: Input, grader: Grader, config: PredictConfig, out: Path, failed: dict[str, str]
) -> dict[str, Any] | None:
    """Grade a slide's tiles: ``tiles/<slide>.csv``, and its map as PNG, SVG and GeoJSON in ``maps/``.

    With ``why=true`` the tiles' class-activation maps, too, as ``maps/<slide>_why.npz`` and over the slide.

    Returns:
        Its row of ``slides.csv``, or None where it can't be graded.
    """
    import pandas as pd
    from tqdm import tqdm

    from livergrade.inference.readers import SlideTiles, read_ahead
    from livergrade.io.slide_reader import Slide, SlideError
    from livergrade.reports import style
    from livergrade.slides import heatmap as slide_map

    name, own = one.path.stem, one.mpp or config.slide_mpp
    target, drawn = out / "tiles" / f"{name}.csv", out / "maps" / name
    why = drawn.with_name(f"{name}_why.npz")
    try:
        slide = Slide(one.path, own)
        tile = config.tile_um / slide.mpp
        cells = slide_map.divide(slide.width, slide.height, tile * config.stride, tile)
        tissue = slide.tissue
    except SlideError as error:
        failed[str(one.path)] = str(error)
        return None
    cells = cells.only(tissue.share(cells.corners[:, 0], cells.corners[:, 1], tile) >= config.min_tissue)
    if not len(cells.x):
        failed[str(one.path)] = f"has no tile of which {config.min_tissue:.0%} is tissue; lower min_tissue"
        return None
    drawn.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and (why.is_file() or not config.why):
        tiles = pd.read_csv(target)
    else:
        read = SlideTiles(slide, cells.corners, tile, grader.size)
        rows: list[dict[str, Any]] = []
        maps: dict[int, NDArray[np.float32]] = {}
        with tqdm(total=len(cells.x), desc=name, unit="tile") as bar:
            for numbers, squares, reasons in read_ahead(
                read, len(cells.x), batch_size=config.batch_size, workers=config.workers
            ):
                if reasons:  # a slide with holes in it would look like one with less tumour
                    failed[str(one.path)] = next(iter(reasons.values()))
                    return None
                graded, away = grader.grade(squares), grader.distances(squares)
                for number, views, distance in zip(numbers, graded, away, strict=True):
                    place = {"x": cells.x[number], "y": cells.y[number]}
                    rows.append(place | graded_row(views, grader.classes) | grader.likeness(distance))
                if config.why:
                    maps.update(zip(numbers, grader.activation(squares), strict=True))
                bar.update(len(numbers))
        tiles = pd.DataFrame(rows).sort_values(["y", "x"], ignore_index=True)
        if config.why:
            slide_map.write_maps(maps, cells.corners, tile, grader.seen, grader.classes, why)
        write_table(tiles, target)
    told = slide_map.summary(tiles, grader.classes, side=cells.side, mpp=slide.mpp)
    slide_map.write_tiles_geojson(tiles, grader.classes, cells.side, drawn.with_name(f"{name}.geojson"))
    figure = slide_map.map_figure(
        tissue.thumbnail,
        tissue.scale,
        tiles,
        grader.classes,
        side=cells.side,
        mpp=slide.mpp,
        title=f"{name}: {told['predicted']}",
    )
    style.save(figure, drawn.with_name(f"{name}.png"))
    if config.why:
        figure = slide_map.why_figure(tissue.thumbnail, tissue.scale, why, told["predicted"], title=name)
        style.save(figure, drawn.with_name(f"{name}_why.png"))
    slide.close()
    return {"slide": str(one.path), "patient": one.patient} | told


def graded_row(views: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Any]:
    """What the views of one image say: the mean probability, its grade, and how far they agree.

    Args:
        views: probabilities, ``[views, classes]``.
        classes: the grades, worst to best.
    """
    mean = views.mean(0)
    called = int(mean.argmax())
    return {
        "predicted": classes[called],
        **{f"p_{grade}": float(value) for grade, value in zip(classes, mean, strict=True)},
        "spread": float(views[:, called].std()),
        "agree": float((views.argmax(1) == called).mean()),
    }


def by_patient(images: pd.DataFrame, slides: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The grade of each patient that was named: of the mean over the slides, by their area, or the images."""
    import pandas as pd

    columns = [*(f"p_{grade}" for grade in classes), "unlike"]
    rows = []
    for kind, table in (("slides", slides), ("images", images)):
        if not len(table):
            continue
        for patient, own in table[table["patient"] != ""].groupby("patient"):
            weight = own["tiles"] if kind == "slides" else pd.Series(1.0, own.index)
            mean = own[columns].mul(weight, axis=0).sum() / weight.sum()
            called = classes[int(mean.to_numpy()[: len(classes)].argmax())]
            rows.append(
                {"patient": patient, "of": kind, "number": len(own), "predicted": called} | mean.to_dict()
            )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
