"""Plan a study: how many patients, seeds and folds it takes, and what a cohort can and cannot show.

python -m livergrade.plan accuracy=85 half_width=5 apart=8
python -m livergrade.plan run=outputs/senet/<time>
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import PlanConfig
from livergrade.runs.paths import command_line


@command("plan")
def main(config: PlanConfig) -> None:
    """Make one plan."""
    from livergrade.multirun.plan import write_plan

    write_plan(config, Path(HydraConfig.get().runtime.output_dir), command_line())


if __name__ == "__main__":
    main()
