"""Compare finished runs: the paper's tables and figures, intervals, paired tests, one report.

python -m livergrade.compare outputs/sweeps/<time>
python -m livergrade.compare outputs/senet/<time> outputs/sknet/<time>
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.command import command, command_line, plain
from livergrade.config import CompareConfig

log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> CompareConfig:
    """The options of a comparison, every value checked."""
    return plain(composed, CompareConfig)


@command(
    "compare",
    "outputs/sweeps/<time>",
    "Compare finished runs. Name a sweep's folder, or those of runs; comparison/ is left in the one named.",
    CompareConfig(),
    checked,
    words="runs",
)
def main(config: CompareConfig) -> None:
    """One comparison, read from top to bottom."""
    from livergrade.comparison import arms, differences, leakage_gap, measure
    from livergrade.comparison_figures import arm_figures
    from livergrade.comparison_report import write_comparison
    from livergrade.figures import save
    from livergrade.metrics import write_json
    from livergrade.runs import find_runs
    from livergrade.tables import arm_tables, gap_table, write_table

    out = Path(HydraConfig.get().runtime.output_dir)
    runs, left_out = find_runs(config.runs)
    found, incomplete = arms(runs)
    measured = []
    for arm in found:
        names = ", ".join(arm.models)
        log.info("%s: %s; %d resamples of the patients", arm.kind, names, config.resamples)
        measured.append(
            measure(arm, resamples=config.resamples, permutations=config.permutations, seed=config.seed)
        )
    gaps = leakage_gap(measured)
    compared: dict[str, Any] = {
        "classes": runs[0].classes,
        "level": config.level,
        "arms": measured,
        "leakage_gap": gaps,
        "differences": differences([run for arm in found for run in arm.runs]),
        "left_out": left_out + incomplete,
        "command": command_line(),
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "resamples": config.resamples,
        "permutations": config.permutations,
        "seed": config.seed,
    }
    write_json(compared, out / "comparison.json")
    tables = {arm.kind: arm_tables(arm, one, config.level) for arm, one in zip(found, measured, strict=True)}
    if gaps:
        tables["gap"] = [gap_table(gaps)]
    for table in [table for group in tables.values() for table in group]:
        write_table(table, out / "tables")
    for arm, one in zip(found, measured, strict=True):
        note = f"LEAKING: {one['leakage']['sentence']}" if one["leakage"]["leaking"] else ""
        for name, figure in arm_figures(arm, one, config.level, note=note).items():
            save(figure, out / "figures" / name)
    page = write_comparison(out, compared, tables)
    for line in compared["left_out"]:
        log.warning("left out: %s", line)
    for arm in found:
        shown = next(table for table in tables[arm.kind] if table.name.startswith("accuracy"))
        log.info("\n%s, %s\n%s", shown.title, arm.kind, shown.shown.to_string(index=False))
    log.info("\n%s", page)


if __name__ == "__main__":
    main()
