"""Compare finished runs: the paper's tables and figures, intervals, paired tests, one report.

python -m livergrade.compare outputs/sweeps/<time>
python -m livergrade.compare outputs/senet/<time> outputs/sknet/<time>
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import to_dataclass
from livergrade.config.schema import CompareConfig
from livergrade.runs.paths import command_line


def parse_config(composed: DictConfig) -> CompareConfig:
    """Parse and validate the options of a comparison."""
    return to_dataclass(composed, CompareConfig)


@command(
    "compare",
    "outputs/sweeps/<time>",
    "Compare finished runs. Give a sweep's folder, or folders of runs; comparison/ is written there.",
    CompareConfig(),
    parse_config,
    words="runs",
)
def main(config: CompareConfig) -> None:
    """Run one comparison."""
    from livergrade.multirun.comparison import write_comparison_results

    write_comparison_results(config, Path(HydraConfig.get().runtime.output_dir), command_line())


if __name__ == "__main__":
    main()
