"""Train and test one model: cohort → split → fit → test → predictions → metrics → figures → report.

python -m livergrade.train model=senet
python -m livergrade.train -m model=vgg16,resnet50,cbam,senet,sknet
"""

import json
import logging
import os
import time
from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from livergrade.cli.command import checked, claim, command, command_line
from livergrade.config.schema import TrainConfig
from livergrade.io.files import written_whole
from livergrade.multirun.sweep import finished_before

log = logging.getLogger(__name__)


@command(
    "train",
    "model=senet",
    "Train and test one model. What it leaves is one folder with a report.",
    TrainConfig(),
    checked,
)
def main(config: TrainConfig) -> None:
    """One run, read from top to bottom."""
    run = Path(HydraConfig.get().runtime.output_dir)
    again = HydraConfig.get().mode == RunMode.MULTIRUN or os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
    if again and finished_before(run, config):
        log.info("finished before: %s", run)
        return
    # Imported here, so that --help and --cfg job need not wait seconds for torch.
    import lightning as L

    from livergrade.data.cohort import cache_root, read_cohort
    from livergrade.data.datamodule import GradingData
    from livergrade.data.split import make_split, read_split, refuse_leakage, summary, write_split
    from livergrade.evaluation.leakage import leakage, warning
    from livergrade.evaluation.ood import write_appearance
    from livergrade.evaluation.predictions import predictions_table, write_predictions
    from livergrade.explanations.run_maps import write_run_maps
    from livergrade.io.files import write_json
    from livergrade.models.build import normalisation
    from livergrade.models.catalog import label
    from livergrade.models.layers import count
    from livergrade.models.weights import load_weights
    from livergrade.reports.format import table
    from livergrade.reports.results import write_results
    from livergrade.runs.environment import environment
    from livergrade.training.checkpoints import save_now, where_saved
    from livergrade.training.embeddings import embed_views
    from livergrade.training.gpu_share import gpu_share
    from livergrade.training.history import read_history
    from livergrade.training.losses import grade_weights
    from livergrade.training.preflight import environment as machine
    from livergrade.training.preflight import heed, tested
    from livergrade.training.task import make_task
    from livergrade.training.trainer import log_outcome, make_trainer

    started = time.monotonic()
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    resumed = config.train.resume is not None
    L.seed_everything(config.seed, workers=True, verbose=False)

    cohort = read_cohort(config.data)
    reused = run / "split.csv" if resumed else config.data.split_file
    split = read_split(Path(reused), cohort) if reused else make_split(cohort, config.split)
    if config.split.name != "image":
        refuse_leakage(split)
    note = warning(leakage(split))
    log.info("%s\n%s", summary(split, cohort.classes), f"\n{note}\n" if note else "")
    heed([*machine(config), tested(split, cohort.classes)])

    channels = normalisation(config.model.name, **config.model.architecture())
    cache = cache_root(config.data) / "images"
    data = GradingData(cohort, split, config.data, config.augment, cache, config.seed, channels)
    weights = grade_weights(split, cohort.classes) if config.loss.class_weights else []
    task = make_task(config, cohort.classes, note, weights)
    initial = "random"
    if resumed and not config.model.frozen:  # no checkpoint of an unfinished run holds a frozen network
        initial = json.loads((run / "environment.json").read_text())["initialisation"]
    elif config.model.weights:
        initial = load_weights(task.net, config.model.weights, name=config.model.name)
    if config.model.frozen and not config.model.weights:
        log.warning("model.frozen: the network stays as random as it starts; give model.weights=<file>")
    parameters, trained = count(task.net)
    log.info(
        "%s: %s parameters, %s of them trained; initial weights: %s",
        label(config.model.name, config.model.backbone),
        f"{parameters:,}",
        "all" if trained == parameters else f"{trained:,}",
        initial,
    )

    if resumed:
        fix = f"start a new run, with model.weights={best} to begin where that was best"
        log.info("going on from %s, saved at %s", last, where_saved(last, fix=fix))

    trainer = make_trainer(config.trainer, run, validated="val" in data.test_splits, ema=config.optim.ema)
    facts = environment() | {
        "command": command_line(),
        "parameters": parameters,
        "trained_parameters": trained,
        "initialisation": initial,
        "device": str(trainer.strategy.root_device),
        "precision": trainer.precision,
    }
    if trainer.is_global_zero:
        claim(run, config)
        write_split(split, run / "split.csv")
        write_json(facts, run / "environment.json")
    if config.trainer.compile:
        task.net.compile(mode=config.trainer.compile)
    try:
        with gpu_share(trainer.strategy.root_device, config.trainer.gpu_share):
            if config.model.frozen:
                embed_views(trainer, task, data)
            trainer.fit(task, data, ckpt_path=last if resumed else None)
            if "val" not in data.test_splits:  # no validation to choose by: the last epoch is tested
                save_now(trainer, best)
            trainer.test(task, data, ckpt_path=best, verbose=False)
    except (KeyboardInterrupt, SystemExit) as end:
        if last.is_file():
            log.warning("stopped; go on with: python -m livergrade.train train.resume=%s", run)
        else:
            log.warning("stopped before anything was saved")
        # Lightning makes an interrupt exit code 1 and SIGTERM 0; by convention they are 130 and 143.
        code = end.code if isinstance(end, SystemExit) else 130
        raise SystemExit(130 if code == 1 else 143 if code is None else code) from None
    if not trainer.is_global_zero:
        return
    if config.model.frozen:
        save_now(trainer, best)  # whole now

    write_predictions(predictions_table(cohort.table, cohort.classes, task.graded), run / "predictions.csv")
    write_appearance(run, split, data.squares, seed=config.seed)
    write_run_maps(run, task, config, cohort.root, trainer.strategy.root_device)
    history = read_history(run / "tensorboard")
    with written_whole(run / "history.csv") as part:
        history.to_csv(part, index=False)
    by = "val/loss_smooth"
    chosen_at = history[by].argmin() if by in history else len(history) - 1
    facts["epochs"], facts["best_epoch"] = len(history), int(history["epoch"].iloc[chosen_at])
    facts["seconds"] = round(time.monotonic() - started, 1)
    write_json(facts, run / "environment.json")
    metrics = write_results(run, cohort.root)
    log_outcome(trainer, config, metrics)
    write_json({"finished": datetime.now().astimezone().isoformat()}, run / "finished.json")
    log.info("\n%s\n\n%s", table(metrics), run)


if __name__ == "__main__":
    main()
