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
    """The options of a comparison, every value checked."""
    return to_dataclass(composed, CompareConfig)


@command(
    "compare",
    "outputs/sweeps/<time>",
    "Compare finished runs. Name a sweep's folder, or those of runs; comparison/ is left in the one named.",
    CompareConfig(),
    parse_config,
    words="runs",
)
def main(config: CompareConfig) -> None:
    """One comparison."""
    from livergrade.multirun.comparison import write_comparison_results

    write_comparison_results(config, Path(HydraConfig.get().runtime.output_dir), command_line())


if __name__ == "__main__":
    main()
