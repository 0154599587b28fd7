"""Crop images from whole slides as in the paper: six per marked region, in a grid of two rows.

python -m livergrade.prepare slides/                  proposes regions, to be reviewed in QuPath
python -m livergrade.prepare slides/ regions=marked/ table=slides.csv
"""

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.counted import counted

log = logging.getLogger(__name__)


@command("prepare")
def main(config: PrepareConfig) -> None:
    """Propose regions, or crop images, into the output folder."""
    prepare(config, Path(HydraConfig.get().runtime.output_dir))


def prepare(config: PrepareConfig, out: Path) -> None:
    """Propose regions on each slide, or crop images from the marked regions.

    Raises:
        UserError: slides failed, an option or a row of the table is wrong, or a file is missing.
    """
    from livergrade.io.slide_reader import require

    require()
    from livergrade.slides.cut import cut
    from livergrade.slides.inputs import find_slides, read_table
    from livergrade.slides.propose import propose

    slides = find_slides(config.slides, outside=config.data.outside)
    table = None
    if config.table:
        table = read_table(Path(config.table), slides, config)
        slides = [slide for slide in slides if slide.stem in table.index]
    if config.regions is None:
        failed = propose(slides, config, out, table)
        if len(failed) < len(slides):
            log.info(
                "look at the pictures in %s and move the regions in QuPath where they are wrong; then give "
                "regions=%s table=<slides.csv>, and confirmed=true if any is right as it is",
                out / "regions",
                out / "regions",
            )
    else:
        assert table is not None
        failed = cut(slides, table, config, out)
        log.info("%s", out)
    if failed:
        raise UserError(f"{len(failed)} of {counted(len(slides), 'slide')} failed:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
