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
        "last layer: one output for each grade (softmax), or ordered grades by conditional probabilities "
        "(corn)",
        choices=HEADS,
    )
    frozen: bool = option(
        False,
        "train only the head; the frozen network computes the embedding of each view once, not every epoch",
    )
    frozen_epochs: int = option(
        0,
        "number of first epochs in which only the head is trained, at optim.lr; then all layers are "
        "trained, and warm-up and schedule begin",
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


_SUFFIX = "suffix to add to file names of a table that have none, as .png; null: none"
_GRADES = (
    "grades for the words of a table or for folder names, as {G1: well, G2: moderate, GX: null}, in "
    "quotes; null: rows left out; other words must be grades"
)


@dataclass
class DataConfig:
    """The cohort and how it is read (group ``data``)."""

    # The kinds are listed in livergrade/data/kinds.py, the one place where a kind is added.
    name: str = option("synthetic", "kind of cohort: synthetic (the embedded one), manifest or folder")
    manifest: str | None = option(
        None, "CSV or .xlsx with the columns image, patient, grade (data=manifest)", path=True
    )
    columns: ColumnsConfig = option(ColumnsConfig, "column names of the manifest (data=manifest)")
    grades: Any = option(None, _GRADES)
    suffix: str | None = option(None, f"{_SUFFIX} (data=manifest)")
    root: str | None = option(
        None,
        "folder of <grade>/**/image files (data=folder); for a manifest: folder that its relative paths "
        "start in",
        path=True,
    )
    patient_pattern: str | None = option(
        None,
        "regular expression with a group (?P<patient>...), searched in each image's path (data=folder, or a "
        "manifest without patients)",
    )
    classes: list[str] = option(["poor", "moderate", "well"], "grades, worst to best")
    image_size: int = option(64, "side of the network input, pixels", low=32, high=2048)
    batch_size: int = option(16, "batch size: views for each step and device", low=2, high=2**16)
    workers: int = option(0, "data loader processes; 0 is best for a cached cohort", low=0, high=1024)
    cache: str = option(
        "auto",
        "where decoded images are kept: disk (memory map shared by runs), device (copied to the GPU), ram, "
        "none (decoded for each view), or auto (device if they need at most a quarter of its memory, else "
        "disk)",
        choices=("auto", "disk", "device", "ram", "none"),
    )
    cache_limit: float = option(
        100.0,
        "maximum disk space of decoded images, GB; those not used for longest are removed first",
        low=0.01,
    )
    cache_dir: str | None = option(
        None, "folder of caches; null: $LIVERGRADE_CACHE or ~/.cache/livergrade", path=True
    )
    split_file: str | None = option(None, "reuse this split.csv instead of a new split", path=True)
    mpp: float | None = _pixel_size(
        "µm per pixel of the image files, for rows without mpp in the manifest; null: unknown. A run with "
        "a known scale grades only images of a similar scale"
    )
    patient_names: str = option(
        "ask",
        "patients whose names differ only in spelling, as P7 and p_07: refused (ask), or different people "
        "(exact)",
        choices=("ask", "exact"),
    )
    patient_alias: str | None = option(
        None,
        "CSV with the columns patient, same_as: a name in the cohort, and the name of the same patient to "
        "use instead; null: none",
        path=True,
    )
    mixed_grades: bool = option(
        False,
        "allow patients with images of several grades; the most frequent grade counts, of equally frequent "
        "ones the worse",
    )
    outside: bool = option(
        False, "allow images outside the cohort's folder: absolute paths, .. and links that lead out"
    )
    bits: int | None = option(
        None,
        "bits used by the values of 16-bit images, as 12 for many cameras; null: as stated in the files, "
        "and dark images without this information are refused",
        low=8,
        high=16,
    )
    icc: str = option(
        "ignore",
        "colour profiles other than sRGB: ignore, or apply (convert the image to sRGB, relative "
        "colorimetric; refuse it if that fails); all commands read images as in the training of the run",
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

    columns: ColumnsConfig = option(ColumnsConfig, "column names of the tables")
    suffix: str | None = option(None, _SUFFIX)


@dataclass
class ImagesConfig(NamedConfig):
    """The same, and how the images are read that are named (group ``data`` of commands that use a run)."""

    bits: int | None = option(
        None,
        "bits that the values of 16-bit images really use, as 12 of a camera's; null: as for the run's "
        "images",
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
        "share of the rest held out to select the epoch and to calibrate; prediction sets at 90 % need 9 "
        "patients; 0: none (split=kfold with three or more folds: the next fold, unless 0)",
        low=0,
        high=0.9,
    )
    train_patients: int | None = option(
        None,
        "number of training patients, a random subset stratified by grade (20 are a part of 30); "
        "validation and test stay the same; null: all (not for split=image)",
        low=2,
    )
    val_folds: int | None = option(
        None,
        "number of folds of the patients that are not tested; one of them is the validation set in place "
        "of val_fraction; null: none",
        low=2,
        high=1000,
    )
    val_fold: int = option(0, "the fold that validates, from 0 (split.val_folds)", low=0)
    folds: int = option(5, "number of folds (split=kfold)", low=2, high=1000)
    fold: int = option(0, "the fold that is tested, from 0 (split=kfold)", low=0)
    seed: int = option(
        0,
        "seed of the split, independent of the seed of training; ${seed}: another split for each seed",
        low=0,
        high=2**63,
    )


@dataclass
class AugmentConfig:
    """The views of an image (group ``augment``)."""

    step_degrees: float = option(10.0, "angle between views, degrees; 10 gives 36 views", low=1, high=360)
    train_views: str = option(
        "sample", "views of a training image in each epoch: all, sample (one at random), upright, or a number"
    )
    val_views: str = option("upright", "views of a validation image in training: all, upright, or a number")
    test_views: str = option("4", "views that grade a test image: all, upright, or a number spread evenly")
    border: str = option(
        "reflect",
        "pixels outside the image: black (as in the paper), reflect, or crop (largest square that is "
        "inside at any angle)",
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
        "mixup: mix each training view and its target with another of the batch, with shares from "
        "Beta(mixup, mixup); with model.frozen the embeddings are mixed; 0: none",
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
    class_weights: bool = option(False, "weight grades inversely to their number of training images")


@dataclass
class OptimConfig:
    """The optimiser (group ``optim``)."""

    name: str = option("adamw", "optimiser", choices=("sgd", "adamw"))
    lr: float = option(1e-3, "peak learning rate", low=0)
    momentum: float = option(0.9, "momentum (sgd)", low=0, high=1)
    nesterov: bool = option(False, "Nesterov momentum (sgd)")
    weight_decay: float = option(0.01, "weight decay", low=0)
    layer_decay: float = option(
        1.0,
        "learning rate of a layer as a share of that of the next layer, up to the head; 1: the same for all",
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
    accelerator: str = option("auto", "accelerator of Lightning: auto, cpu, gpu, mps, ...")
    devices: str = option("1", "number of devices, or auto for all")
    num_nodes: int = option(1, "machines", low=1)
    strategy: str = option("auto", "strategy of Lightning: auto, ddp, ...")
    precision: str = option(
        "auto", "precision: auto (bf16-mixed on GPUs that support it, else 32-true) or a name of Lightning"
    )
    channels_last: str = option(
        "auto",
        "channels-last memory format: auto (where it is faster), yes, no",
        choices=("auto", "yes", "no"),
    )
    tf32: bool = option(
        True, "TF32: float32 products with 10 bits of mantissa on GPUs that support it (faster)"
    )
    compile: str | None = option(
        None,
        "torch.compile of the network: null, default, reduce-overhead (with CUDA graphs) or max-autotune",
        choices=("default", "reduce-overhead", "max-autotune"),
    )
    graph: bool = option(
        False,
        "record the operations of a training step once, as CUDA graphs, and start all of them together: on "
        "one GPU, faster at batches of up to 64 views, with equal results",
    )
    deterministic: bool = option(
        False,
        "use only deterministic kernels (slower on a GPU); only then two runs on a GPU, or a run and its "
        "resumed twin, are equal bit for bit",
    )
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
        10.0, "minutes between checkpoints within an epoch; each epoch also ends with one", low=0
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
        "show progress bars on a terminal, and one line for each epoch where the output goes to a file or "
        "a pipe; false: neither, only the lines in train.log",
    )


@dataclass
class ConformalConfig:
    """Prediction sets: sets of grades that contain the true one (group ``conformal``)."""

    by_grade: bool | None = option(
        None,
        "a separate threshold for each grade, so that the coverage holds for each grade and not only on "
        "average; if a grade has too few validation patients, one threshold for all; null: as in the run, "
        "in train false",
    )

    def sets_by_grade(self, run: "ConformalConfig") -> bool:
        """Whether each grade has a threshold of its own: as was typed, else as the run has it."""
        return bool(run.by_grade if self.by_grade is None else self.by_grade)


@dataclass
class ResumeConfig:
    """How this run starts (``train``)."""

    resume: str | None = option(None, "run folder to continue from its last checkpoint, with its own options")


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
    conformal: ConformalConfig = option(ConformalConfig, "prediction sets")
    train: ResumeConfig = option(ResumeConfig, "how this run starts")


_NETWORK = "model of a sweep's folder, by its name in the comparison; null: the folder has only one model"


@dataclass
class EvaluateConfig:
    """All options of ``python -m livergrade.evaluate``."""

    run: str | None = option(
        None,
        "folder of a finished run, or of a sweep, whose runs grade as one ensemble",
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
        "calibrate on the other cohort: the temperature for each patient is fitted on all other patients "
        "of that cohort",
    )
    conformal: ConformalConfig = option(ConformalConfig, "prediction sets")
    trainer: TrainerConfig = option(TrainerConfig, "the trainer")


@dataclass
class CompareConfig:
    """All options of ``python -m livergrade.compare``."""

    runs: list[str] = option([], "folders of runs or of sweeps; may be typed without runs=")
    level: str = option(
        "patient", "level of the summary, and of the order of the models", choices=("patient", "image")
    )
    resamples: int = option(2000, "resamples of the naive interval, which ignores the patients", low=100)
    permutations: int = option(10_000, "label swaps of the permutation test", low=100)
    equivalence_margin: float = option(
        5.0,
        "models whose accuracies differ by less are equivalent, percentage points",
        low=0.1,
        high=50,
    )
    seed: int = option(0, "seed of resampling and permuting", low=0, high=2**32 - 1)


@dataclass
class PlanConfig:
    """All options of ``python -m livergrade.plan``."""

    run: str | None = option(
        None,
        "folder of a finished run or of a sweep: plan with its cohort, accuracy, images and correlation; "
        "null: plan a new study",
    )
    out: str | None = option(None, "folder to write, new or to be overwritten; null: a new one")
    accuracy: float = option(80.0, "expected accuracy, %", low=34, high=99)
    half_width: float = option(
        7.5, "half the maximum width of its 95 % interval, percentage points", low=1, high=40
    )
    patients: int | None = option(
        None, "number of patients of the cohort, to see what it can show; null: not known", low=12, high=5000
    )
    images: float = option(6.0, "mean number of images of a patient", low=1, high=1000)
    correlation: float = option(
        0.25,
        "intra-class correlation of correctly graded images of a patient, 0 to 1; default: that of the "
        "simulated cohorts of docs/comparisons.md",
        low=0,
        high=1,
    )
    grades: int = option(3, "number of grades", low=2, high=20)
    rarest: float = option(30.0, "share of patients with the rarest grade, %", low=1, high=50)
    test_fraction: float = option(
        SplitConfig.test_fraction,
        "share of test patients, as split.test_fraction",
        low=0.01,
        high=0.9,
    )
    val_fraction: float = option(
        SplitConfig.val_fraction, "share of the rest for validation, as split.val_fraction", low=0, high=0.9
    )
    folds: int = option(SplitConfig.folds, "folds of a cross-validation, as split.folds", low=2, high=100)
    apart: float = option(
        10.0, "difference in accuracy of two models to detect, percentage points", low=1, high=50
    )
    discordance: float | None = option(
        None,
        "patients graded correctly by only one of two trainings, one of each model, %; null: as in the "
        "simulations of docs/comparisons.md, 16 for equally good models of 80 %",
        low=0.1,
        high=50,
    )
    seed_discordance: float | None = option(
        None,
        "the same for two trainings of one model, %; null: as for equally good models, where more seeds "
        "help most",
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
        5.0, "models whose accuracies differ by less are equivalent, percentage points", low=0.1, high=50
    )
    studies: int = option(
        400,
        "simulated studies for each estimate of power; 400: ± 2 points (standard error)",
        low=50,
        high=100_000,
    )


@dataclass
class ReadingColumnsConfig:
    """Which columns of a table of readings are meant (``columns``), where they have other names."""

    reader: str | None = option(None, "column of the readers; null: reader")
    image: str | None = option(None, "column of the images; null: image")
    grade: str | None = option(None, "column of the grades; null: grade")
    patient: str | None = option(None, "column of the patients; null: patient")


@dataclass
class AgreementConfig:
    """All options of ``python -m livergrade.agreement``."""

    readings: str | None = option(
        None,
        "CSV or .xlsx with a row for each reading (reader, image, grade), or a manifest with a column "
        "grade_<reader> for each reader",
    )
    run: str | None = option(
        None,
        "folder of a finished run or of an evaluation: its network is one more reader of the images that it "
        "was tested on; null: readers alone",
    )
    manifest: str | None = option(
        None, "CSV or .xlsx with image and patient, where neither readings nor run has the patients"
    )
    out: str | None = option(None, "folder to write, a new one or one to write over; null: a new one")
    classes: list[str] = option([], "grades, worst to best; []: those of the run, else poor,moderate,well")
    columns: ReadingColumnsConfig = option(ReadingColumnsConfig, "the readings' names of their columns")
    consensus: str = option(
        "majority",
        "one grade of several: that of most readers (a tie: the worse), the worst, the adjudicated one (else "
        "that of all), or the most probable by Dawid & Skene",
        choices=("majority", "worst", "adjudicated", "dawid_skene"),
    )
    epsilon: float = option(
        0.2,
        "what a reader costs more than the network, for the alternative annotator test, a share; 0.2 for "
        "experts",
        low=0,
        high=0.5,
    )


@dataclass
class ReviewConfig:
    """All options of ``python -m livergrade.review``."""

    manifest: str | None = option(
        None,
        "table of the images, or of slides (CSV, .xlsx), whose grades need not be known yet, the folder of "
        "livergrade.prepare, or a folder of slides; the same as data=manifest data.manifest=…",
    )
    run: str | None = option(None, "folder of a finished run: its test images are read")
    of: str | None = option(None, "folder of an earlier review, whose readers differ (mode=adjudicate)")
    data: DataConfig | None = option(
        None, "a cohort, as data=synthetic or data=folder; null: what manifest, run or of names"
    )
    readers: list[str] = option([], "names of the readers, as [anna,ben]; each gets a link of their own")
    readings: str | None = option(
        None,
        "readings of another program to begin with: CSV or .xlsx (reader, image, grade), or a folder with a "
        "folder of QuPath's <image>.geojson for each reader, whose annotations have the grade as class",
    )
    columns: ReadingColumnsConfig = option(ReadingColumnsConfig, "the readings' names of their columns")
    mode: str = option(
        "read",
        "read: grade blinded and independently; adjudicate: decide where the readers of an earlier review "
        "differ; confirm: keep an image or leave it out; audit: grade a run's test images, those first that "
        "the network contradicts most, and see its answer afterwards",
        choices=("read", "adjudicate", "confirm", "audit"),
    )
    repeats: int = option(
        0, "images that each reader gets twice, to see how far a reader agrees with themselves", low=0
    )
    seed: int = option(0, "seed of the order, which is another one for each reader", low=0, high=2**32 - 1)
    out: str | None = option(
        None, "folder to write, a new one or that of a review to go on with; null: a new one"
    )
    consensus: str = option(
        "more_than_half",
        "grade of an image in manifest.csv: more_than_half (of the adjudicators, else of the readers; else "
        "none), or by a rule of livergrade.agreement",
        choices=("more_than_half", "majority", "worst", "adjudicated", "dawid_skene"),
    )
    export: bool = option(False, "only write the tables of the review in out, and start no page")
    viewer: str | None = option(
        None,
        "OpenSeadragon, which shows slides: the .tgz or the folder of its npm package; null: fetched once by "
        "npm pack",
    )
    host: str | None = option(
        None,
        "name or address at which other machines reach the page, with TLS alone; null: this machine only",
    )
    port: int = option(8765, "port of the page; 0: any that is free", low=0, high=65535)
    tls_cert: str | None = option(None, "file of the TLS certificate with its chain, PEM (host)")
    tls_key: str | None = option(None, "file of its private key, PEM, without a password (host)")


@dataclass
class TuneConfig:
    """All options of ``python -m livergrade.tune``."""

    space: list[str] = option(
        [], "options of livergrade.train, fixed or searched; may be typed without space="
    )
    trials: int = option(20, "total number of trials, with those of an earlier start", low=1)
    study: str | None = option(None, "folder of the study, new or to be continued; null: a new one")
    sampler_seed: int = option(0, "seed of the search", low=0, high=2**32 - 1)
    folds: int = option(
        5,
        "folds of the patients that are not tested: a trial trains one network for each fold; its value is "
        "the log-loss of all these patients, each graded by the network that was not trained on them",
        low=2,
        high=100,
    )
    prune: bool = option(
        True, "stop a trial after a fold if it is worse than the median of the earlier trials"
    )
    outer_folds: int = option(
        0,
        "nested cross-validation: repeat the search without each of this many folds of all patients, and "
        "evaluate the best trial on the fold; takes as many times as long; 0: off",
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
        None,
        "folder of <slide>.geojson, as exported by QuPath; null: propose regions, to be confirmed by "
        "a person",
    )
    confirmed: bool = option(
        False,
        "whether a person has looked at the regions that were proposed and found them right; else they are "
        "not cut",
    )
    region_class: str | None = option(
        None,
        "meaning of region classes that are not grades, in quotes: {Necrosis: skip, 'Tumor: G3': poor}. A "
        "meaning is a grade, skip (not cut), table (grade of the table), or first or last (part of a class "
        "such as Tumor: poor that is the grade); else: all other classes; last without braces: "
        "{else: last}; null: such classes are refused",
    )
    grade_conflict: str = option(
        "refuse",
        "if a region's class and the table have different grades: refuse, or region (use the class)",
        choices=("refuse", "region"),
    )
    out: str | None = option(None, "folder to write, new or to be continued; null: a new one")
    classes: list[str] = option(["poor", "moderate", "well"], "grades, worst to best")
    grades: Any = option(None, _GRADES.replace("folder names", "region classes"))
    exclude: str | None = option(
        None,
        "images to leave out: the exclusions.csv of livergrade.review (any CSV or .xlsx with image and, if "
        "known, sha256 and reason), or a text file with a name in each line",
    )
    slide_mpp: float | None = _pixel_size("µm per pixel of slides that do not state it")
    mpp: float = option(0.275, "µm per pixel of the images", low=0.05, high=20)
    icc: str = option(
        "ignore",
        "colour profile of a slide other than sRGB: ignore, or apply (convert the images to sRGB, relative "
        "colorimetric; refuse the slide if that fails)",
        choices=("ignore", "apply"),
    )
    width: int = option(1665, "width of an image, pixels", low=64)
    height: int = option(1393, "height of an image, pixels", low=64)
    rows: int = option(2, "rows of images in a region", low=1)
    columns: int = option(3, "columns of images in a region", low=1)
    proposals: int = option(1, "regions to propose on a slide", low=1)
    min_inside: float = option(0.5, "minimum share of an image inside its region", low=0, high=1)
    min_tissue: float = option(0.3, "minimum share of tissue in an image", low=0, high=1)
    min_focus: float = option(
        6.0, "minimum sharpness: standard deviation of the Laplacian at 1 µm per pixel", low=0
    )
    max_pen: float = option(
        0.02,
        "maximum share of an image in hues that haematoxylin and eosin do not have (pen marks)",
        low=0,
        high=1,
    )
    max_fold: float = option(
        0.1, "maximum share of the tissue as dark as two sections (folds)", low=0, high=1
    )
    max_burnt: float = option(
        0.02, "maximum share of an image that is overexposed within tissue", low=0, high=1
    )
    data: NamedConfig = option(NamedConfig, "files named by tables")


@dataclass
class PredictConfig:
    """All options of ``python -m livergrade.predict``."""

    run: str | None = option(
        None,
        "folder of a finished run, or of a sweep, whose runs grade as one ensemble",
    )
    network: str | None = option(None, _NETWORK)
    inputs: list[str] = option(
        [],
        "images, slides, folders, patterns, or a table (CSV, .xlsx) with the column image or slide, and "
        "patient and mpp if known; may be typed without inputs=",
    )
    out: str | None = option(None, "folder to write, new or to be continued; null: a new one")
    views: str | None = option(None, "views that grade an image: all, upright, or a number; null: the run's")
    slide_mpp: float | None = _pixel_size("µm per pixel of slides that do not state it")
    mpp: float | None = _pixel_size(
        "µm per pixel of image files for which no table has mpp; null: unknown. An image that shows much "
        "more or less tissue than the run's training images is not graded"
    )
    tile_um: float | None = option(
        None,
        "side of a slide's tiles, µm; null: the shorter side of the run's training images, or 383 where "
        "their scale is not known",
        low=1,
    )
    stride: float = option(1.0, "distance between tiles, in sides of a tile", low=0.05, high=1)
    min_tissue: float = option(0.5, "minimum share of tissue in a tile", low=0, high=1)
    why: bool = option(False, "also overlay class-activation maps on slides")
    calibrated: bool = option(
        True, "report probabilities calibrated with the temperature fitted on the run's validation patients"
    )
    coverage: float = option(
        0.9, "share of new patients whose prediction set must contain the true grade", low=0.5, high=0.99
    )
    conformal: ConformalConfig = option(ConformalConfig, "prediction sets")
    abstain: float | None = option(
        None,
        "probability of the predicted grade below which the answer is unsure; null: never",
        low=0,
        high=1,
    )
    batch_size: int = option(32, "images or tiles in a batch", low=1)
    workers: int = option(4, "threads that read images and tiles", low=1)
    accelerator: str = option("auto", "device that grades", choices=("auto", "cpu", "gpu"))
    data: ImagesConfig = option(ImagesConfig, "files named by tables, and how images are read")


@dataclass
class ExplainConfig:
    """All options of ``python -m livergrade.explain``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network is explained, or of a sweep, whose runs form one ensemble",
    )
    network: str | None = option(None, _NETWORK)
    images: list[str] = option(
        [],
        "images, folders or patterns; may be typed without images=; none: of each grade the best, the worst "
        "and the least certain test image of the run",
    )
    n: int = option(1, "number of images of each kind and grade, if none are named", low=1)
    out: str | None = option(None, "folder to write; null: a new one")
    views: str | None = option(
        None, "rotated views over which maps are compared: all, upright, or a number; null: the run's"
    )
    mpp: float | None = _pixel_size(
        "µm per pixel of named images for which no table has mpp; null: unknown. An image that shows much "
        "more "
        "or less tissue than the run's training images is not explained"
    )
    places: int = option(7, "number of occlusion positions along each side", low=2, high=64)
    steps: int = option(16, "number of steps of deletion and insertion", low=2)
    seed: int = option(0, "seed of random weights, random maps and resampling", low=0, high=2**32 - 1)
    accelerator: str = option("auto", "device of the network", choices=("auto", "cpu", "gpu"))
    data: ImagesConfig = option(ImagesConfig, "files named by tables, and how images are read")


@dataclass
class LowerPrecisionConfig:
    """How far an exported file of another precision may be from the one of float32 (``export``)."""

    images: int = option(
        100, "validation and test images of the run that both are compared on, where none are named", low=1
    )
    difference: float = option(
        0.05, "maximum difference of an image's probability; above it no file is written", low=0, high=1
    )
    changed: float = option(
        0.02,
        "maximum share of images with another grade or answer; above it no file is written",
        low=0,
        high=1,
    )
    calibration: int = option(
        64, "validation images of the run from which the ranges of int8 are measured", low=1
    )


@dataclass
class ExportConfig:
    """All options of ``python -m livergrade.export``."""

    run: str | None = option(
        None,
        "folder of the finished run whose network is exported, or of a sweep, whose runs form one ensemble",
    )
    network: str | None = option(None, _NETWORK)
    out: str | None = option(
        None, "folder to write; null: export/ in the run's folder, or export/wsinfer/ there"
    )
    to: str = option(
        "onnx",
        "one file for ONNX Runtime (onnx), or a folder for WSInfer and QuPath's WSInfer extension (wsinfer)",
        choices=("onnx", "wsinfer"),
    )
    page: bool = option(
        False, "whether grade.html is written, too: one file that grades images in a browser (to=onnx)"
    )
    page_runtime: str | None = option(
        None,
        "the npm package onnxruntime-web for page=true: its .tgz, or the folder of it; null: npm fetches it "
        "once into the cache",
    )
    tile_um: float | None = option(
        None,
        "side of a patch, µm (to=wsinfer); null: the shorter side of the run's training images",
        low=1,
    )
    views: str | None = option(None, "views that grade an image: all, upright, or a number; null: the run's")
    images: list[str] = option(
        [],
        "images, folders or patterns that the file is checked on; may be typed without images=; none: the "
        "run's own test images, or noise if those no longer exist",
    )
    n: int = option(16, "number of test images for the check, if none are named", low=1)
    tolerance: float = option(
        0.01,
        "maximum difference of a probability from that of PyTorch; above it no file is written",
        low=0,
        high=1,
    )
    opset: int = option(18, "version of the ONNX operators (opset)", low=18, high=25)
    precision: str = option(
        "float32", "numbers of the network in the file", choices=("float32", "float16", "int8")
    )
    lower: LowerPrecisionConfig = option(LowerPrecisionConfig, "how a lower precision is compared")
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
    data: ImagesConfig = option(ImagesConfig, "files named by tables, and how images are read")


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
