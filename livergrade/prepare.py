"""Cut images from whole slides as the paper did: six of a marked region, in a grid of two rows.

python -m livergrade.prepare slides/                  proposes regions, for a person to look at in QuPath
python -m livergrade.prepare slides/ regions=marked/ table=slides.csv
"""

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import to_dataclass
from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError

log = logging.getLogger(__name__)


def parse_config(composed: DictConfig) -> PrepareConfig:
    """The options of a preparation, every value checked."""
    config = to_dataclass(composed, PrepareConfig)
    if not config.slides:
        raise UserError("slides: which ones? Name files or a folder, as in livergrade.prepare slides/")
    if config.regions and not config.table:
        raise UserError("table: images need patient and grade; give table=<CSV with slide,patient,grade>")
    return config


@command(
    "prepare",
    "slides/ regions=marked/ table=slides.csv",
    "Cut images from whole slides, with a manifest. Without regions=, propose some as GeoJSON.",
    PrepareConfig(),
    parse_config,
    words="slides",
)
def main(config: PrepareConfig) -> None:
    """Propose regions on each slide, or cut the images of the regions that are marked."""
    from livergrade.io.slide_reader import require

    require()
    from livergrade.slides.cut import cut
    from livergrade.slides.inputs import find_slides, read_table
    from livergrade.slides.propose import propose

    out = Path(HydraConfig.get().runtime.output_dir)
    slides = find_slides(config.slides)
    if config.regions is None:
        failed = propose(slides, config, out)
        log.info("look at the regions in QuPath and move them, then prepare with regions=%s", out / "regions")
    else:
        assert config.table
        failed = cut(slides, read_table(Path(config.table), slides, config), config, out)
        log.info("%s", out)
    if failed:
        raise UserError(f"{len(failed)} of {len(slides)} slides failed:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
