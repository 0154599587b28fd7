"""Agreement between readers, with a network as one more reader.

python -m livergrade.agreement readings=readings.csv
python -m livergrade.agreement readings=readings.csv run=outputs/senet/<time>
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import AgreementConfig
from livergrade.runs.paths import command_line


@command("agreement")
def main(config: AgreementConfig) -> None:
    """Measure the agreement of one table of readings."""
    from livergrade.reading.results import write_agreement

    write_agreement(config, Path(HydraConfig.get().runtime.output_dir), command_line())


if __name__ == "__main__":
    main()
