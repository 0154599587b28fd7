"""Grade images and whole slides with a trained network.

python -m livergrade.predict run=outputs/senet/<time> images/*.png
python -m livergrade.predict run=outputs/senet/<time> slide.svs
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import PredictConfig


@command("predict")
def main(config: PredictConfig) -> None:
    """Grade what was named into the output folder."""
    from livergrade.inference.predict_files import predict

    predict(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
