"""Evaluate a trained run again, or on another cohort (external validation): same files as after training.

python -m livergrade.evaluate run=outputs/senet/<time>
python -m livergrade.evaluate run=outputs/senet/<time> data=manifest data.manifest=other_hospital.csv
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import EvaluateConfig


@command("evaluate")
def main(config: EvaluateConfig) -> None:
    """Run one evaluation."""
    from livergrade.training.evaluate_trained import evaluate_trained

    evaluate_trained(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
