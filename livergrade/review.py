"""Let pathologists read images on a local page: blinded, several readers, every reading kept.

python -m livergrade.review manifest=cohort.csv readers=[anna,ben]
python -m livergrade.review out=outputs/reviews/<time>
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import ReviewConfig


@command("review")
def main(config: ReviewConfig) -> None:
    """Serve one review until it is stopped, then write its tables."""
    from livergrade.reading.serve import review

    review(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
