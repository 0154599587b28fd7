"""Sweeps whose jobs run side by side, or as a cluster's jobs."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from livergrade.runs.paths import CONF
from livergrade.train import main  # noqa: F401 - registers the schema

FIVE = "model=vgg16,resnet50,cbam,senet,sknet"


def swept(folder: Path, *words: str, env: dict[str, str] | None = None) -> str:
    """Run a sweep as a user does; returns what it told."""
    command = [sys.executable, "-m", "livergrade.train", "-m", *words, f"hydra.sweep.dir={folder}"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=500, env=os.environ | (env or {})
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compared(folder: Path) -> set[str]:
    return set(json.loads((folder / "comparison" / "comparison.json").read_text())["arms"][0]["models"])


@pytest.mark.parametrize(
    ("chosen", "launcher", "option"),
    [
        ("joblib", "JoblibLauncher", "hydra.launcher.n_jobs=2"),
        ("submitit_local", "LocalLauncher", "hydra.launcher.timeout_min=5"),
        ("slurm", "SlurmLauncher", "hydra.launcher.partition=gpu"),
    ],
)
def test_the_launchers_are_there_and_take_their_options(chosen: str, launcher: str, option: str) -> None:
    GlobalHydra.instance().clear()
    words = [f"hydra/launcher={chosen}", option]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=words, return_hydra_config=True).hydra.launcher
        assert type(instantiate(config)).__name__ == launcher
    name, value = option.removeprefix("hydra.launcher.").split("=")
    assert str(config[name]) == value


@pytest.mark.slow  # three processes that import torch, two of which train: half a minute at the least
def test_two_jobs_at_once_share_one_cache(small: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    words = [word for word in small if not word.startswith("data.cache_dir")]
    swept(
        tmp_path / "sweep",
        "model=timm",
        "model.backbone=test_resnet,test_efficientnet",  # networks of few weights, for it takes processes
        *words,
        f"data.cache_dir={cache}",
        "trainer.limit_batches=1",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    assert compared(tmp_path / "sweep") == {"test_resnet", "test_efficientnet"}
    assert len(list((cache / "images").glob("*.npy"))) == 1


@pytest.mark.slow
def test_jobs_in_processes_of_submitit(small: list[str], tmp_path: Path) -> None:
    swept(tmp_path / "sweep", "seed=0,1", *small, "hydra/launcher=submitit_local")
    assert compared(tmp_path / "sweep") == {"senet"}


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A SLURM of one node on this machine; the environment that commands need to reach it."""
    if not (shutil.which("slurmctld") and shutil.which("munge")) or os.geteuid() != 0:
        pytest.skip("needs slurmctld, slurmd, a running munged and root")
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode:
        pytest.skip("munged is not running")
    name, config = socket.gethostname().partition(".")[0], tmp_path / "slurm.conf"
    for folder in ("state", "spool"):
        (tmp_path / folder).mkdir()
    config.write_text(
        f"""ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={tmp_path}/state
SlurmdSpoolDir={tmp_path}/spool
SlurmctldLogFile={tmp_path}/slurmctld.log
SlurmdLogFile={tmp_path}/slurmd.log
SlurmctldPidFile={tmp_path}/slurmctld.pid
SlurmdPidFile={tmp_path}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes={name} Default=YES MaxTime=INFINITE State=UP
"""
    )
    reach = {"SLURM_CONF": str(config)}
    daemons = [
        subprocess.Popen(words, env=os.environ | reach)
        for words in (["slurmctld", "-D", "-c"], ["slurmd", "-D"])
    ]
    try:
        until = time.monotonic() + 30
        while (
            b"idle"
            not in subprocess.run(["sinfo"], capture_output=True, env=os.environ | reach, check=False).stdout
        ):
            assert time.monotonic() < until, "SLURM did not start"
            time.sleep(0.5)
        yield reach
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(20)


@pytest.mark.slow
def test_one_run_in_two_tasks_of_srun(small: list[str], tmp_path: Path, slurm: dict[str, str]) -> None:
    def started(*words: str) -> "subprocess.CompletedProcess[str]":
        train = [sys.executable, "-m", "livergrade.train", "model=resnet50", *small, *words]
        return subprocess.run(
            ["srun", "--nodes=1", "--ntasks-per-node=2", "--job-name=train", *train],
            capture_output=True,
            text=True,
            env=os.environ | slurm | {"OMP_NUM_THREADS": "1"},
            check=False,
        )

    unnamed = started("trainer.devices=2", "trainer.strategy=ddp")
    assert unnamed.returncode == 1
    assert "hydra.run.dir" in unnamed.stderr
    run = tmp_path / "run"
    done = started("trainer.devices=2", "trainer.strategy=ddp", f"hydra.run.dir={run}")
    assert done.returncode == 0, done.stderr
    assert (run / "finished.json").is_file()
    predictions = pd.read_csv(run / "predictions.csv")
    assert not predictions.duplicated(["image", "angle"]).any()
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


@pytest.mark.slow
def test_a_job_that_slurm_takes_back_and_queues_again_goes_on(
    small: list[str], tmp_path: Path, slurm: dict[str, str]
) -> None:
    environment = os.environ | slurm | {"OMP_NUM_THREADS": "1"}

    def ask(*words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=True).stdout

    run, script = tmp_path / "run", tmp_path / "job.sh"
    words = ["model=resnet50", *small, "trainer.max_epochs=40", f"hydra.run.dir={run}"]
    script.write_text(
        f"#!/bin/bash\n#SBATCH --requeue --output={tmp_path}/job.out --open-mode=append\n"
        f"exec {shlex.join([sys.executable, '-m', 'livergrade.train', *words])}\n"
    )
    job = ask("sbatch", "--parsable", str(script)).strip()
    until = time.monotonic() + 300
    while not (run / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
        time.sleep(0.1)
    ask("scontrol", "requeue", job)
    while not (run / "finished.json").exists() and time.monotonic() < until:
        time.sleep(0.5)
    told = (tmp_path / "job.out").read_text()
    assert (run / "finished.json").is_file(), told
    assert "SIGTERM: saving after this batch" in told
    assert pd.read_csv(run / "history.csv")["epoch"].tolist() == list(range(1, 41))


@pytest.mark.slow
def test_five_models_as_jobs_of_slurm(small: list[str], tmp_path: Path, slurm: dict[str, str]) -> None:
    here = ["gpus_per_node=null", "mem_gb=null", "cpus_per_task=1"]
    words = [f"hydra.launcher.{word}" for word in here]
    swept(
        tmp_path / "sweep", FIVE, *small, "trainer.limit_batches=2", "hydra/launcher=slurm", *words, env=slurm
    )
    assert compared(tmp_path / "sweep") == {"vgg16", "resnet50", "cbam", "senet", "sknet"}
