"""Compare finished runs: the paper's tables and figures, intervals, paired tests, one report.

python -m livergrade.compare outputs/sweeps/<time>
python -m livergrade.compare outputs/senet/<time> outputs/sknet/<time>
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import CompareConfig
from livergrade.runs.paths import command_line


@command("compare")
def main(config: CompareConfig) -> None:
    """Run one comparison."""
    from livergrade.multirun.comparison import write_comparison_results

    write_comparison_results(config, Path(HydraConfig.get().runtime.output_dir), command_line())


if __name__ == "__main__":
    main()
