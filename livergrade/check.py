"""Check the machine, the cohort, the split and the weights before a long run, with a fix for each problem.

python -m livergrade.check data=manifest data.manifest=cohort.csv
"""

from __future__ import annotations

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.runs.paths import command_line

log = logging.getLogger(__name__)


@command("check")
def main(config: TrainConfig) -> None:
    """Run every check, whatever the result of the previous ones."""
    from livergrade.io.files import write_json
    from livergrade.training.findings import FAIL
    from livergrade.training.preflight import checks

    findings = []
    out = Path(HydraConfig.get().runtime.output_dir)
    for finding in checks(config, out):
        findings.append(finding)
        fix = f"\n      {finding.fix}" if finding.fix else ""
        log.info("%-4s  %s: %s%s", finding.level, finding.what, finding.message, fix)
    write_json(
        {"command": command_line(), "findings": [vars(finding) for finding in findings]}, out / "check.json"
    )
    log.info("\n%s", out / "check.json")
    if failed := [finding.what for finding in findings if finding.level == FAIL]:
        raise UserError(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
