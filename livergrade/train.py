"""Train and test one model: cohort → split → fit → test → predictions → metrics → figures → report.

python -m livergrade.train model=senet
python -m livergrade.train -m model=vgg16,resnet50,cbam,senet,sknet
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import TrainConfig
from livergrade.training.resume import finished_before, may_be_restarted, take_over


@command("train")
def main(config: TrainConfig) -> None:
    """Run one training, unless an earlier start of the job finished it.

    Torch is imported by what trains, so that --help and --cfg job do not wait seconds for it.
    """
    run = Path(HydraConfig.get().runtime.output_dir)
    if may_be_restarted() and finished_before(run, config):
        take_over(run, config)
        return
    from livergrade.training.train_run import train_run

    train_run(config, run)


if __name__ == "__main__":
    main()
