"""All options: type, default, unit and meaning.

The dataclasses are the schema of ``conf/``: Hydra rejects unknown keys on the command line and in YAML files,
and :func:`livergrade.config.validation.problems` checks the values. ``--help`` is generated from the same
metadata, so options are documented in one place only.
"""

from dataclasses import dataclass, replace
from typing import Any

from livergrade.config.fields import option
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.pixel_size import LIKELY_UM
from livergrade.models.catalog import HEADS, MODELS, OPTIONS


@dataclass
class ModelConfig:
    """The network (group ``model``)."""

    name: str = option("senet", "network", choices=MODELS)
    weights: str | None = option(
        None,
        "initial weights: null (random), imagenet (published), efficientnet_lite0 (of an installed package), "
        "or a file (.pt .pth .bin .ckpt .safetensors)",
    )
    head: str = option(
        "softmax",
        "last layer: an output for each grade (softmax), or for each step up, whether it is reached once the "
        "steps before are (corn)",
        choices=HEADS,
    )
    frozen: bool = option(
        False,
        "train only the head; the frozen network computes the embedding of each view once, not every epoch",
    )
    frozen_epochs: int = option(
        0,
        "first epochs in which the head alone is trained, at optim.lr, and everything below it stays as it "
        "is; then all layers are, and warm-up and schedule begin",
        low=0,
    )
    backbone: str | None = option(
        None, "a timm network, e.g. convnext_tiny, or a pathology model, e.g. uni2-h (model=timm)"
    )
    reduction: int = option(
        16, "channels for each hidden unit of the attention (cbam, senet, sknet)", low=1, high=128
    )
    kernel_size: int = option(7, "kernel size of the spatial attention, odd (cbam)", low=1, high=31)
    branches: int = option(2, "receptive fields to choose among: 3x3, 5x5, ... (sknet)", low=1, high=8)
    groups: int = option(32, "groups of the convolutions, a divisor of 128 (sknet)", low=1, high=128)
    min_width: int = option(32, "minimum number of hidden units of the attention (sknet)", low=1, high=1024)

    def architecture(self) -> dict[str, Any]:
        """The options that ``livergrade.models.build`` takes for this network."""
        return {name: getattr(self, name) for name in OPTIONS[self.name]}


@dataclass
class SyntheticConfig:
    """The embedded cohort (``data=synthetic`` only)."""

    seed: int = option(0, "seed of the generated cohort; not the seed of training", low=0, high=2**63)
    scale: float = option(0.2, "image size as a fraction of 1665 x 1393 px", low=0.05, high=1.0)


@dataclass
class ColumnsConfig:
    """Which columns of a table are meant (``data.columns``), where they have other names."""

    image: str | None = option(None, "column of the image files; null: image")
    patient: str | None = option(None, "column of the patients; null: patient")
    grade: str | None = option(None, "column of the grades; null: grade")
    slide: str | None = option(None, "column of the slide files; null: slide")
    mpp: str | None = option(None, "column of the pixel sizes, µm; null: mpp")


def _pixel_size(meaning: str) -> Any:  # noqa: ANN401 - as option
    """Declare an option for the size of a pixel, µm, which need not be known."""
    return option(None, meaning, low=LIKELY_UM[0], high=LIKELY_UM[1])


_SUFFIX = "what a table leaves out at the end of each file's name, as .png; null: nothing"
_GRADES = (
    "the grades of a table's or folder's own words, as {G1: well, G2: moderate, GX: null}, in quotes; null: "
    "left out; words that are not named are grades already"
)


@dataclass
class DataConfig:
    """The cohort and how it is read (group ``data``)."""

    # Which kinds there are is told by livergrade/data/kinds.py, the one place where a kind is added.
    name: str = option("synthetic", "kind of cohort: synthetic (the embedded one), manifest or folder")
    manifest: str | None = option(
        None, "CSV or .xlsx with the columns image, patient, grade (data=manifest)", path=True
    )
    columns: ColumnsConfig = option(ColumnsConfig, "the manifest's names of its columns (data=manifest)")
    grades: Any = option(None, _GRADES)
    suffix: str | None = option(None, f"{_SUFFIX} (data=manifest)")
    root: str | None = option(
        None,
        "folder of <grade>/**/image files (data=folder); for a manifest: where its relative paths start",
        path=True,
    )
    patient_pattern: str | None = option(
        None,
        "regular expression with a group (?P<patient>...), searched in each image's path (data=folder, or a "
        "manifest without patients)",
    )
    classes: list[str] = option(["poor", "moderate", "well"], "grades, worst to best")
    image_size: int = option(64, "network input, pixels a side", low=32, high=2048)
    batch_size: int = option(16, "views a step and device", low=2, high=2**16)
    workers: int = option(0, "loader processes; 0 is right for a cached cohort", low=0, high=1024)
    cache: str = option(
        "auto",
        "decoded images: disk (a memory map that runs share), device (that, copied to the GPU), ram, none "
        "(decoded for each view), or auto (device where they take up to a quarter of its memory, else disk)",
        choices=("auto", "disk", "device", "ram", "none"),
    )
    cache_limit: float = option(
        100.0, "GB that decoded images may take on the disk; the longest unused make room", low=0.01
    )
    cache_dir: str | None = option(
        None, "where caches lie; null: $LIVERGRADE_CACHE or ~/.cache/livergrade", path=True
    )
    split_file: str | None = option(None, "reuse this split.csv instead of drawing a split", path=True)
    mpp: float | None = _pixel_size(
        "µm per pixel of the images as they are on the disk, where the column mpp of a manifest does not say "
        "it; null: unknown. A run with it grades only what shows as much tissue in a network pixel"
    )
    patient_names: str = option(
        "ask",
        "patients whose names differ only in spelling, as P7 and p_07: refused (ask), or different people "
        "(exact)",
        choices=("ask", "exact"),
    )
    patient_alias: str | None = option(
        None,
        "CSV with the columns patient, same_as: a name of the cohort, and the patient's other name, which it "
        "gets; null: none",
        path=True,
    )
    mixed_grades: bool = option(
        False,
        "allow patients with images of several grades; each counts by the most frequent, a tie by the worse",
    )
    outside: bool = option(
        False, "allow images outside the cohort's folder: absolute paths, .. and links that lead out"
    )
    bits: int | None = option(
        None,
        "bits that the values of 16-bit images really use, as 12 of a camera's; null: what the files say, "
        "and dark ones that do not say it are refused",
        low=8,
        high=16,
    )
    icc: str = option(
        "ignore",
        "colour profiles of the images, other than sRGB: ignored, or applied, that is the image is converted "
        "to sRGB (relative colorimetric) or refused; a run's images are always read as it read them",
        choices=("ignore", "apply"),
    )
    synthetic: SyntheticConfig = option(SyntheticConfig, "the embedded cohort")

    def reading(self) -> PixelReading:
        """How the cohort's images are read."""
        return PixelReading(bits=self.bits, icc=self.icc)


@dataclass
class NamedConfig:
    """What the tables that a command reads may name (group ``data`` of commands without a cohort)."""

    outside: bool = option(
        False,
        "allow files outside the table's, cohort's or folder's own folder: absolute paths, .. and links that "
        "lead out",
    )
    patient_names: str = option(
        "ask",
        "patients whose names differ only in spelling, as P7 and p_07: refused (ask), or different people "
        "(exact)",
        choices=("ask", "exact"),
    )

    columns: ColumnsConfig = option(ColumnsConfig, "the tables' names of their columns")
    suffix: str | None = option(None, _SUFFIX)


@dataclass
class ImagesConfig(NamedConfig):
    """The same, and how the images are read that are named (group ``data`` of commands that use a run)."""

    bits: int | None = option(
        None,
        "bits that the values of 16-bit images really use, as 12 of a camera's; null: as of the run's images",
        low=8,
        high=16,
    )

    def reading(self, run: PixelReading) -> PixelReading:
        """How the named images are read: as those of the run, but for what was typed."""
        return run if self.bits is None else replace(run, bits=self.bits)


@dataclass
class SplitConfig:
    """Split of the cohort into training, validation and test (group ``split``)."""

    name: str = option("patient", "unit of the split", choices=("patient", "kfold", "image"))
    test_fraction: float = option(
        0.2, "share of patients (split=image: of images) tested", low=0.01, high=0.9
    )
    val_fraction: float = option(
        0.2,
        "share of the rest held out to pick the best epoch and to calibrate; sets of grades at 90 % take 9 "
        "patients; 0: none (split=kfold of three folds or more: the next fold, unless 0)",
        low=0,
        high=0.9,
    )
    train_patients: int | None = option(
        None,
        "patients to train on, drawn by grade from the training patients, 20 of them among the 30; "
        "validation and test stay the same; null: all (not for split=image)",
        low=2,
    )
    val_folds: int | None = option(
        None,
        "number of folds of the patients that are not tested, one of which validates in place of "
        "val_fraction; null: none",
        low=2,
        high=1000,
    )
    val_fold: int = option(0, "the fold that validates, from 0 (split.val_folds)", low=0)
    folds: int = option(5, "number of folds (split=kfold)", low=2, high=1000)
    fold: int = option(0, "the fold that is tested, from 0 (split=kfold)", low=0)
    seed: int = option(
        0,
        "seed of the split, whatever the seed of training; ${seed}: another split for each",
        low=0,
        high=2**63,
    )


@dataclass
class AugmentConfig:
    """The views of an image (group ``augment``)."""

    step_degrees: float = option(10.0, "angle between views, degrees; 10 gives 36 views", low=1, high=360)
    train_views: str = option(
        "sample", "views a training image shows each epoch: all, sample (one at random), upright, or a number"
    )
    val_views: str = option("upright", "views of a validation image in training: all, upright, or a number")
    test_views: str = option("4", "views that grade a test image: all, upright, or a number spread evenly")
    border: str = option(
        "reflect",
        "outside the frame: black (as in the paper), reflect, or crop (largest square inside at any angle)",
        choices=("black", "reflect", "crop"),
    )
    flip: bool = option(True, "mirror training views at random")
    crop: float = option(
        1.0,
        "minimum random crop of a training view, as a share of the image's side; 1: no cropping",
        low=0.625,  # below, a view would be enlarged from the cached image
        high=1,
    )
    stain: float = option(
        0.15,
        "jitter of the stain in training: sd of the log of each channel's density",
        low=0,
        high=1,
    )
    contrast: float = option(0.0, "jitter in training: sd of the log of the contrast", low=0, high=1)
    brightness: float = option(0.0, "jitter in training: sd of the brightness, share of white", low=0, high=1)
    mixup: float = option(
        0.0,
        "mix each training view, and its target, with another of the batch, in shares drawn from "
        "Beta(mixup, mixup); with model.frozen their embeddings; 0: none",
        low=0,
        high=10,
    )


@dataclass
class LossConfig:
    """The training loss (``loss``); learning curves and selection of the epoch use the cross-entropy."""

    neighbours: float = option(
        0.0,
        "share of a view's target given to the grades next to the true one (label smoothing); 0: none",
        low=0,
        high=0.5,
    )
    class_weights: bool = option(
        False, "weigh grades inversely to their number of training images, so that all count alike"
    )


@dataclass
class OptimConfig:
    """The optimiser (group ``optim``)."""

    name: str = option("adamw", "optimiser", choices=("sgd", "adamw"))
    lr: float = option(1e-3, "peak learning rate", low=0)
    momentum: float = option(0.9, "momentum (sgd)", low=0, high=1)
    nesterov: bool = option(False, "look ahead along the momentum (sgd)")
    weight_decay: float = option(0.01, "weight decay", low=0)
    layer_decay: float = option(
        1.0,
        "learning rate of a layer as a share of the next one's, up to the head; 1: all alike",
        low=0.01,
        high=1,
    )
    schedule: str = option(
        "cosine", "learning rate over a run: constant, or cosine to zero", choices=("constant", "cosine")
    )
    warmup_epochs: float = option(1.0, "linear warm-up, epochs (cosine)", low=0)
    ema: float | None = option(
        None,
        "validate, test and keep an exponential moving average of the weights with this decay per step, e.g. "
        "0.99; null: the weights themselves",
        low=0,
        high=0.99999,
    )


@dataclass
class TrainerConfig:
    """The Lightning trainer (group ``trainer``)."""

    max_epochs: int = option(10, "epochs", low=1, high=10**6)
    accelerator: str = option("auto", "auto, cpu, gpu, mps, ... as Lightning has them")
    devices: str = option("1", "number of devices, or auto for all")
    num_nodes: int = option(1, "machines", low=1)
    strategy: str = option("auto", "auto, ddp, ... as Lightning has them")
    precision: str = option("auto", "auto (bf16-mixed on GPUs that have it, else 32-true) or Lightning's own")
    channels_last: str = option(
        "auto", "memory format: auto (where it pays), yes, no", choices=("auto", "yes", "no")
    )
    tf32: bool = option(True, "float32 products with 10 bits of mantissa on GPUs that have it (faster)")
    compile: str | None = option(
        None,
        "torch.compile of the network: null, default, reduce-overhead (with CUDA graphs) or max-autotune",
        choices=("default", "reduce-overhead", "max-autotune"),
    )
    deterministic: bool = option(False, "use only deterministic kernels (slower on a GPU)")
    sync_batchnorm: bool = option(
        True, "on several GPUs, batch norm uses the whole batch, not the part of each GPU"
    )
    gpu_share: float | None = option(
        None,
        "share of the GPU's memory that a run may use; runs that do not fit at the same time wait",
        low=0.01,
        high=1,
    )
    limit_batches: int | None = option(
        None, "stop each pass after this many batches; for a quick test", low=1
    )
    save_minutes: float = option(
        10.0, "minutes between checkpoints within an epoch; each ends with one", low=0
    )
    figure_epochs: int = option(
        10,
        "epochs between confusion matrices and precision-recall curves in TensorBoard, from the first on; "
        "0: only the test's",
        low=0,
    )
    map_epochs: int = option(
        5, "epochs between class-activation maps of a few validation images in TensorBoard; 0: none", low=0
    )
    map_patients: int = option(
        16, "test patients (one image each) for the faithfulness of maps in the report; 0: no maps", low=0
    )
    progress: bool = option(
        True,
        "show progress bars on a terminal, and where the output goes to a file or a pipe a line an epoch; "
        "false: neither, and train.log has the lines",
    )


@dataclass
class ConformalConfig:
    """Sets of grades that hold the true one (group ``conformal``)."""

    by_grade: bool | None = option(
        None,
        "a threshold of its own for each grade, so that each grade, not only their mean, is in as many sets "
        "as required; where a grade has too few validation patients for it, one for all; null: as the run, "
        "in train no",
    )

    def sets_by_grade(self, run: "ConformalConfig") -> bool:
        """Whether each grade has a threshold of its own: as was typed, else as the run has it."""
        return bool(run.by_grade if self.by_grade is None else self.by_grade)


@dataclass
class ResumeConfig:
    """How this run starts (``train``)."""

    resume: str | None = option(None, "run folder to continue, with its own options, where it was last saved")


@dataclass
class TrainConfig:
    """All options of ``python -m livergrade.train``."""

    seed: int = option(
        0, "seed of training: the initial weights and the views; not of the split", low=0, high=2**32 - 1
    )
    model: ModelConfig = option(ModelConfig, "the network")
    data: DataConfig = option(DataConfig, "the cohort")
    split: SplitConfig = option(SplitConfig, "the split")
    augment: AugmentConfig = option(AugmentConfig, "the views")
    loss: LossConfig = option(LossConfig, "the loss")
    optim: OptimConfig = option(OptimConfig, "the optimiser")
    trainer: TrainerConfig = option(TrainerConfig, "the trainer")
    conformal: ConformalConfig = option(ConformalConfig, "sets of grades")
    train: ResumeConfig = option(ResumeConfig, "how this run starts")


_NETWORK = (
    "which model of a sweep's folder, by the name that its comparison has; null: the folder holds one model"
)


@dataclass
class EvaluateConfig:
    """All options of ``python -m livergrade.evaluate``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network grades, or of a sweep, whose members answer together",
    )
    network: str | None = option(None, _NETWORK)
    data: DataConfig | None = option(
        None, "another cohort, as data=manifest or data=folder; null: the run's own test images"
    )
    views: str | None = option(None, "views that grade an image: all, upright, or a number; null: the run's")
    same_names: bool = option(
        False, "patients with the same name in both cohorts are different people (another cohort)"
    )
    recalibrate: bool = option(
        False,
        "calibrate on another cohort itself: the probabilities of each patient by one temperature, fitted on "
        "all its other patients",
    )
    conformal: ConformalConfig = option(ConformalConfig, "sets of grades")
    trainer: TrainerConfig = option(TrainerConfig, "the trainer")


@dataclass
class CompareConfig:
    """All options of ``python -m livergrade.compare``."""

    runs: list[str] = option([], "folders of runs or of sweeps; may be typed without runs=")
    level: str = option("patient", "level of the headline and of the order", choices=("patient", "image"))
    resamples: int = option(2000, "resamples of the naive interval, which ignores the patients", low=100)
    permutations: int = option(10_000, "label swaps of the permutation test", low=100)
    equivalence_margin: float = option(
        5.0,
        "accuracies that differ by less are as good as equal (equivalent), percentage points",
        low=0.1,
        high=50,
    )
    seed: int = option(0, "seed of resampling and permuting", low=0, high=2**32 - 1)


@dataclass
class PlanConfig:
    """All options of ``python -m livergrade.plan``."""

    run: str | None = option(
        None,
        "folder of a finished run or of a sweep: what its cohort can show, with the accuracy, images and "
        "correlation that it has; null: a study that is still to be made",
    )
    out: str | None = option(None, "folder to write, a new one or one to write over; null: a new one")
    accuracy: float = option(80.0, "accuracy that is expected, %", low=34, high=99)
    half_width: float = option(
        7.5, "half the width that its 95 % interval may have, percentage points", low=1, high=40
    )
    patients: int | None = option(
        None, "patients that there are, in all: what they can show; null: not known", low=12, high=5000
    )
    images: float = option(6.0, "mean number of images of a patient", low=1, high=1000)
    correlation: float = option(
        0.25,
        "how alike images of a patient are graded: intra-class correlation of correct and wrong, 0 to 1; the "
        "default is that of the simulated cohorts of docs/comparisons.md",
        low=0,
        high=1,
    )
    grades: int = option(3, "number of grades", low=2, high=20)
    rarest: float = option(30.0, "share of the patients that have the rarest grade, %", low=1, high=50)
    test_fraction: float = option(
        SplitConfig.test_fraction,
        "share of patients that is tested, as split.test_fraction",
        low=0.01,
        high=0.9,
    )
    val_fraction: float = option(
        SplitConfig.val_fraction, "share of the rest that validates, as split.val_fraction", low=0, high=0.9
    )
    folds: int = option(SplitConfig.folds, "folds of a cross-validation, as split.folds", low=2, high=100)
    apart: float = option(
        10.0, "difference in accuracy of two models that is to be found, percentage points", low=1, high=50
    )
    discordance: float | None = option(
        None,
        "patients whom a training of each of the two models grades differently, one of them correctly, %; "
        "null: as in the simulations of docs/comparisons.md, 16 for equally good models of 80 %",
        low=0.1,
        high=50,
    )
    seed_discordance: float | None = option(
        None,
        "the same of two trainings of one model, %; null: as many as of equally good models, so that more "
        "seeds help most",
        low=0.1,
        high=50,
    )
    training_sd: float = option(
        3.8,
        "standard deviation of the true accuracies of trainings of one model with other seeds, percentage "
        "points; the default is that of the simulations of docs/comparisons.md",
        low=0.1,
        high=20,
    )
    equivalence_margin: float = option(
        5.0, "accuracies that differ by less are as good as equal, percentage points", low=0.1, high=50
    )
    studies: int = option(
        400, "simulated studies for each power; 400: ± 2 points (standard error)", low=50, high=100_000
    )


@dataclass
class TuneConfig:
    """All options of ``python -m livergrade.tune``."""

    space: list[str] = option([], "options of livergrade.train, fixed or searched; typed without space=")
    trials: int = option(20, "trials in all, those of an earlier start counted", low=1)
    study: str | None = option(None, "folder of the study, a new one or one to go on with; null: a new one")
    sampler_seed: int = option(0, "seed of what is drawn", low=0, high=2**32 - 1)
    folds: int = option(
        5,
        "folds of the patients that are not tested: a trial trains one network for each, and counts by the "
        "log-loss of all these patients, each graded by the network that was not trained on them",
        low=2,
        high=100,
    )
    prune: bool = option(
        True, "stop a trial after a fold if it is worse so far than the median of the earlier trials"
    )
    outer_folds: int = option(
        0,
        "also repeat the whole search without each of so many folds of all patients, which then tell how "
        "good what it finds really is: costs as many times the search; 0: off",
        low=0,
        high=100,
    )


@dataclass
class PrepareConfig:
    """All options of ``python -m livergrade.prepare``."""

    slides: list[str] = option([], "slide files, or folders of them; may be typed without slides=")
    table: str | None = option(
        None, "CSV or .xlsx with slide (file name, suffix optional), patient, grade, and any other columns"
    )
    regions: str | None = option(
        None, "folder of <slide>.geojson, as QuPath exports; null: propose regions, for a person to confirm"
    )
    region_class: str | None = option(
        None,
        "what a region's class means that is no grade, in quotes: {Necrosis: skip, 'Tumor: G3': poor}. It "
        "means a grade, skip (not cut), table (it has the table's grade), or first or last (that part of a "
        "class such as Tumor: poor is the grade); else is for all other classes that are no grade, and last "
        "alone is {else: last}; null: they are refused",
    )
    grade_conflict: str = option(
        "refuse",
        "where a region's class is another grade than the table's: refuse, or region (its class counts)",
        choices=("refuse", "region"),
    )
    out: str | None = option(None, "folder to write, a new one or one to go on with; null: a new one")
    classes: list[str] = option(["poor", "moderate", "well"], "grades, worst to best")
    grades: Any = option(None, _GRADES.replace("folder's", "region's"))
    exclude: str | None = option(None, "text file of image names to leave out, one a line")
    slide_mpp: float | None = _pixel_size("µm per pixel of slides that do not state it")
    mpp: float = option(0.275, "µm a pixel, of the images", low=0.05, high=20)
    icc: str = option(
        "ignore",
        "a slide's colour profile other than sRGB: ignored, or applied, that is the images are converted to "
        "sRGB (relative colorimetric) or the slide is refused",
        choices=("ignore", "apply"),
    )
    width: int = option(1665, "pixels of an image", low=64)
    height: int = option(1393, "pixels of an image", low=64)
    rows: int = option(2, "images of a region, one above the other", low=1)
    columns: int = option(3, "images of a region, side by side", low=1)
    proposals: int = option(1, "regions to propose on a slide", low=1)
    min_inside: float = option(0.5, "least share of an image that lies within its region", low=0, high=1)
    min_tissue: float = option(0.3, "least share of an image that is tissue", low=0, high=1)
    min_focus: float = option(6.0, "least detail: standard deviation of the Laplacian at 1 µm a pixel", low=0)
    max_pen: float = option(0.02, "most of an image in hues that haematoxylin and eosin lack", low=0, high=1)
    max_fold: float = option(0.1, "most of the tissue as dark as two sections", low=0, high=1)
    max_burnt: float = option(0.02, "most of an image at the end of the scale, within tissue", low=0, high=1)
    data: NamedConfig = option(NamedConfig, "what tables may name")


@dataclass
class PredictConfig:
    """All options of ``python -m livergrade.predict``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network grades, or of a sweep, whose members answer together",
    )
    network: str | None = option(None, _NETWORK)
    inputs: list[str] = option(
        [],
        "images, slides, folders, patterns, or a table (CSV, .xlsx) with the column image or slide, and "
        "patient and mpp if known; may be typed without inputs=",
    )
    out: str | None = option(None, "folder to write, a new one or one to go on with; null: a new one")
    views: str | None = option(None, "views that grade an image: all, upright, or a number; null: the run's")
    slide_mpp: float | None = _pixel_size("µm per pixel of slides that do not state it")
    mpp: float | None = _pixel_size(
        "µm per pixel of images as they are on the disk, where no table says it; null: unknown. An image "
        "that shows much more or less tissue than the run's training images is not graded"
    )
    tile_um: float | None = option(
        None,
        "side of a slide's tiles, µm; null: the shorter side of the run's training images, or 383 where "
        "their scale is not known",
        low=1,
    )
    stride: float = option(1.0, "distance of tiles, in sides of a tile", low=0.05, high=1)
    min_tissue: float = option(0.5, "least share of a tile that is tissue", low=0, high=1)
    why: bool = option(False, "also overlay class-activation maps on slides")
    calibrated: bool = option(
        True, "report probabilities calibrated with the temperature fitted on the run's validation patients"
    )
    coverage: float = option(
        0.9, "share of new patients whose prediction set must contain the true grade", low=0.5, high=0.99
    )
    conformal: ConformalConfig = option(ConformalConfig, "sets of grades")
    abstain: float | None = option(
        None,
        "probability of the predicted grade below which the answer is unsure; null: never",
        low=0,
        high=1,
    )
    batch_size: int = option(32, "images or tiles at once", low=1)
    workers: int = option(4, "threads that read images and tiles while others are graded", low=1)
    accelerator: str = option("auto", "where to grade", choices=("auto", "cpu", "gpu"))
    data: ImagesConfig = option(ImagesConfig, "what tables may name, and how images are read")


@dataclass
class ExplainConfig:
    """All options of ``python -m livergrade.explain``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network is explained, or of a sweep, whose members answer together",
    )
    network: str | None = option(None, _NETWORK)
    images: list[str] = option(
        [],
        "images, folders or patterns; may be typed without images=; none: of each grade the best, the worst "
        "and the least certain test image of the run",
    )
    n: int = option(1, "images of each kind and grade, where none are named", low=1)
    out: str | None = option(None, "folder to write; null: a new one")
    views: str | None = option(
        None, "rotated views that a map is compared over: all, upright, or a number; null: the run's"
    )
    mpp: float | None = _pixel_size(
        "µm per pixel of named images, where no table says it; null: unknown. An image that shows much more "
        "or less tissue than the run's training images is not explained"
    )
    places: int = option(7, "occlusion positions along each side", low=2, high=64)
    steps: int = option(16, "steps in which a view is deleted and inserted", low=2)
    seed: int = option(0, "seed of random weights, random maps and resampling", low=0, high=2**32 - 1)
    accelerator: str = option("auto", "where the network runs", choices=("auto", "cpu", "gpu"))
    data: ImagesConfig = option(ImagesConfig, "what tables may name, and how images are read")


@dataclass
class ExportConfig:
    """All options of ``python -m livergrade.export``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network is exported, or of a sweep, whose members answer together",
    )
    network: str | None = option(None, _NETWORK)
    out: str | None = option(None, "folder to write; null: export/ in the run's folder")
    views: str | None = option(None, "views that grade an image: all, upright, or a number; null: the run's")
    images: list[str] = option(
        [],
        "images, folders or patterns that the file is checked on; may be typed without images=; none: the "
        "run's own test images, or noise where those are gone",
    )
    n: int = option(16, "test images to check on, where none are named", low=1)
    tolerance: float = option(
        0.01, "maximum difference of a probability from PyTorch's; above it no file is written", low=0, high=1
    )
    opset: int = option(18, "version of ONNX's operators", low=18, high=25)
    data: ImagesConfig = option(ImagesConfig, "what tables may name, and how images are read")


MACHINE = (
    *("data.workers", "data.cache", "data.cache_limit", "data.cache_dir"),
    *("data.outside", "train.resume"),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
    "trainer.gpu_share",
)
"""Where a run keeps files, what computes it, and whether it may read beyond its cohort's folder. The trained
network is the same; a stored run does not set them for whoever uses it: they are this machine's defaults or
typed."""

REPORTING = (
    *("trainer.progress", "trainer.save_minutes"),
    *("trainer.figure_epochs", "trainer.map_epochs", "trainer.map_patients"),
)
"""What is shown and saved of a run while it trains; the trained network is the same."""
