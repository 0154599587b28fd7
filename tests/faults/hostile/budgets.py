"""Checkpoints that would run code, and files that would take hours or all of the memory."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.faults.hostile.case import Case, Place

# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────────────


class Call:
    """An object that is made by calling something when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def payload(place: Place) -> Call:
    """What would make a folder in somebody's folder."""
    return Call(os.mkdir, str(place.bait / "made"))


def best(place: Place) -> Path:
    return place.run / "checkpoints" / "best.ckpt"


def picture(place: Place) -> Path:
    """A picture to grade, of the cohort."""
    return next(iter(sorted(place.manifest.parent.rglob("*.png"))))


def graded(place: Place) -> list[str]:
    return [f"run={place.run}", str(picture(place)), f"out={place.out}", "accelerator=cpu"]


def loaded(path: Path) -> dict:
    import torch

    content: dict = torch.load(path, weights_only=True)
    return content


def saved(content: Callable[[Place, dict], object], *, old: bool = False) -> Callable[[Place], list[str]]:
    """Write another content into the run's best checkpoint, and grade with it."""

    def prepare(place: Place) -> list[str]:
        import torch

        changed = content(place, loaded(best(place)))
        torch.save(changed, best(place), _use_new_zipfile_serialization=not old)
        return graded(place)

    return prepare


def replaced(write: Callable[[Path], object]) -> Callable[[Place], list[str]]:
    """Write another file in place of the run's best checkpoint, and grade with it."""

    def prepare(place: Place) -> list[str]:
        write(best(place))
        return graded(place)

    return prepare


def with_tensor(change: Callable[[object], object]) -> Callable[[Place, dict], dict]:
    def content(place: Place, stored: dict) -> dict:
        name = next(name for name in stored["state_dict"] if name.startswith("net."))
        stored["state_dict"][name] = change(stored["state_dict"][name])
        return stored

    return content


def repacked(path: Path, method: int = 0, more: tuple[tuple[str, bytes], ...] = ()) -> None:
    with zipfile.ZipFile(path) as old:
        records = [(record.filename, old.read(record)) for record in old.infolist()]
    with zipfile.ZipFile(path, "w", method) as new:
        for name, content in (*records, *more):
            new.writestr(name, content)


def pickled(path: Path, pickle: bytes) -> None:
    with zipfile.ZipFile(path) as old:
        records = [(record.filename, old.read(record)) for record in old.infolist()]
    with zipfile.ZipFile(path, "w") as new:
        for name, content in records:
            new.writestr(name, pickle if name.endswith("data.pkl") else content)


def in_tar(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    with tarfile.open(path, "w") as archive:
        archive.add(path.with_suffix(".copy"), "../../storages")


def lying(path: Path) -> None:
    """A record that says it is a gigabyte."""
    repacked(path, more=(("best/data/9999", b"x" * 99_999),))
    size, large = struct.pack("<I", 99_999), struct.pack("<I", 10**9)
    path.write_bytes(path.read_bytes().replace(size * 2, large * 2))


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def resumed(write: Callable[[Place, Path], object]) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        write(place, place.run / "checkpoints" / "last.ckpt")
        return [f"train.resume={place.run}", "trainer.max_epochs=2"]  # it has finished

    return prepare


def save(content: object, path: Path) -> None:
    import torch

    torch.save(content, path)


def tensors(name: str, *shape: int) -> object:
    """A value that takes much memory and few bytes."""
    import torch

    made = {
        "bytearray": lambda: Call(bytearray, 10**11),
        "tensor": lambda: Call(torch.Tensor, 10**11),
        "typed tensor": lambda: Call(torch.FloatTensor, 10**11),
        "storage": lambda: Call(torch.UntypedStorage, 10**11),
        "view": lambda: torch.zeros(1).expand(10**11),
        "meta": lambda: torch.zeros(10**11, device="meta"),
        "sparse": lambda: torch.sparse_coo_tensor([[0], [0]], [1.0], (10**6, 10**6)),
    }
    return made[name]()


def weights(write: Callable[[Path, Place], object], name: str = "w.pt") -> Callable[[Place], list[str]]:
    """Start a training run from a weights file."""

    def prepare(place: Place) -> list[str]:
        path = place.folder / name
        write(path, place)
        return [
            *("model=timm", "model.backbone=test_resnet", f"model.weights={path}", "data=manifest"),
            *(f"data.manifest={place.manifest}", "data.image_size=32", "trainer.accelerator=cpu"),
            *("split.test_fraction=0.25", "split.val_fraction=0.34", f"hydra.run.dir={place.out}"),
        ]

    return prepare


def safetensors(header: bytes | int) -> Callable[[Path, Place], object]:
    length = header if isinstance(header, int) else len(header)
    text = b"{}" if isinstance(header, int) else header
    return lambda path, place: path.write_bytes(struct.pack("<Q", length) + text)


REFUSED = r"best\.ckpt.*(is refused|cannot be read|is not a checkpoint)"
FORCED = (("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1"),)
BOTH = (*FORCED, ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1"))
CODE = r"is refused: it asks to load \S*mkdir"


def hostile(place: Place, stored: dict) -> dict:
    return stored | {"more": payload(place)}


CHECKPOINTS = [
    Case("a checkpoint that makes a folder", "predict", saved(hostile), CODE),
    Case("the same where PyTorch is told to read code", "predict", saved(hostile), CODE, environment=FORCED),
    Case("the same in a file of before PyTorch 1.6", "predict", saved(hostile, old=True), CODE),
    Case("a checkpoint under contradicting variables", "predict", graded, environment=BOTH),
    Case(
        "a checkpoint to resume from that makes a folder",
        "train",
        resumed(lambda place, path: save({"state_dict": payload(place)}, path)),
        r"last\.ckpt.*" + CODE,
        environment=FORCED,
    ),
    *[
        Case(
            f"a checkpoint with a {name} of 100 gigabytes",
            "predict",
            saved(lambda place, stored, name=name: stored | {"more": tensors(name)}),
            REFUSED,
        )
        for name in ("bytearray", "tensor", "typed tensor", "storage", "view", "meta", "sparse")
    ],
    Case(
        "weights that are not numbers",
        "predict",
        saved(with_tensor(lambda tensor: tensor * math.nan)),
        "not finite numbers",
    ),
    Case(
        "weights without end",
        "evaluate",
        lambda place: saved(with_tensor(lambda tensor: tensor + math.inf))(place)[:1],
        "not finite numbers",
    ),
    Case("weights that are complex", "predict", saved(with_tensor(lambda tensor: tensor * 1j)), REFUSED),
    Case("weights that are text", "predict", saved(with_tensor(lambda tensor: "x")), REFUSED),
    Case(
        "a checkpoint with ten thousand grades",
        "predict",
        saved(
            lambda place, stored: (
                stored | {"hyper_parameters": stored["hyper_parameters"] | {"classes": ["a"] * 10_000}}
            )
        ),
        REFUSED,
    ),
    Case("a checkpoint that is compressed", "predict", replaced(lambda path: repacked(path, 8)), REFUSED),
    Case("a checkpoint in a tar archive", "predict", replaced(in_tar), REFUSED),
    Case("a checkpoint whose record says a gigabyte", "predict", replaced(lying), REFUSED),
    Case(
        "a checkpoint with a path that leads elsewhere",
        "predict",
        replaced(lambda path: repacked(path, more=(("../../../escaped", b"x"),))),
        REFUSED,
    ),
    Case(
        "a checkpoint with names and shapes of megabytes",
        "predict",
        replaced(lambda path: pickled(path, b"\x80\x02" + b"N0" * 5_000_000 + b"N.")),
        REFUSED,
    ),
    Case(
        "a checkpoint of values within values",
        "predict",
        replaced(lambda path: pickled(path, b"\x80\x02)" + b"\x85" * 300_000 + b".")),
        REFUSED,
    ),
    Case("a checkpoint that is a pipe", "predict", replaced(pipe), "was not trained"),
    Case(
        "a weights file that makes a folder",
        "train",
        weights(lambda path, place: save({"w": payload(place)}, path)),
        r"w\.pt is refused",
        environment=FORCED,
    ),
    Case(
        "a weights file that is a device",
        "train",
        weights(lambda path, place: path.symlink_to("/dev/zero")),
        "is a device",
    ),
    Case(
        "weights with a header of exabytes",
        "train",
        weights(safetensors(2**62), "w.safetensors"),
        r"w\.safetensors cannot be read",
    ),
    Case(
        "weights that say they are larger than their file",
        "train",
        weights(
            safetensors(b'{"w":{"dtype":"F32","shape":[100000000000],"data_offsets":[0,400000000000]}}'),
            "w.safetensors",
        ),
        r"w\.safetensors cannot be read",
    ),
    Case(
        "weights whose header is values within values",
        "train",
        weights(safetensors(b'{"w":' + b"[" * 100_000), "w.safetensors"),
        r"w\.safetensors cannot be read",
    ),
]

# ── images ───────────────────────────────────────────────────────────────────────────────────────────────


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """A chunk of a PNG, which may say another length."""
    size = len(content) if length is None else length
    return struct.pack(">I", size) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, *more: bytes, depth: int = 8, colour: int = 2, rows: bytes | None = None
) -> bytes:
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = 1 + width * channels * depth // 8
    packed = zlib.compress(bytes(row * height)) if rows is None else rows
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff(tags: dict[int, tuple[int, int, int]], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF with one directory of tag → kind, number of values, and value or its place."""
    packed = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + packed + struct.pack("<I", following) + data


PLAIN = {
    256: (4, 1, 64),
    257: (4, 1, 64),
    258: (3, 1, 8),
    259: (3, 1, 1),
    262: (3, 1, 1),
    273: (4, 1, 8),
    277: (3, 1, 1),
    278: (4, 1, 64),
    279: (4, 1, 4096),
}
"""The tags of a grey TIFF of 64 × 64 px in one strip."""


def many_pages(count: int) -> bytes:
    """A TIFF of so many directories."""
    tags = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(PLAIN.items()))
    size = 2 + len(tags) + 4
    return b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<H", len(PLAIN))
        + tags
        + struct.pack("<I", 8 + (page + 1) * size if page + 1 < count else 0)
        for page in range(count)
    )


def jpeg(width: int, height: int, *, scans: int = 0) -> bytes:
    """A JPEG of 64 × 64 px that says another size, or has more scans."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), "pink").save(file, "JPEG", progressive=bool(scans))
    content = file.getvalue()
    at = next(content.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in content)
    content = content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]
    scan = b"\xff\xda\0\x08\1\1\0\1\x3f\0\0"
    return content[:-2] + scan * scans + b"\xff\xd9"


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def webp(width: int, height: int) -> bytes:
    """A WebP of one animation frame that says this size."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def image(name: str, content: Callable[[], bytes]) -> Callable[[Place], list[str]]:
    """Grade one such file."""

    def prepare(place: Place) -> list[str]:
        path = place.folder / name
        path.write_bytes(content())
        return [f"run={place.run}", str(path), f"out={place.out}", "accelerator=cpu"]

    return prepare


BROKEN = (
    r"(floating-point values|can't be opened|damaged|megapixels|not a readable|which is not read|pages|px)"
)

IMAGES = [
    Case("a picture of 16 × 4,000,000 px", "predict", image("a.png", lambda: png(16, 4_000_000))),
    Case("a picture of 4,000,000 × 16 px", "predict", image("a.png", lambda: png(4_000_000, 16))),
    Case("a picture of 16 bits", "predict", image("a.png", lambda: png(3000, 3000, depth=16))),
    *[
        Case(f"a file of {name}", "predict", image(file, content), BROKEN)
        for name, file, content in (
            ("a picture of 2³¹ px a side", "a.png", lambda: png(2**31 - 1, 2**31 - 1, rows=b"")),
            ("8,001 × 8,001 px", "a.png", lambda: png(8001, 8001, rows=b"")),
            (
                "a chunk that says two gigabytes",
                "a.png",
                lambda: png(64, 64, chunk(b"zTXt", b"a\0\0", 2**31 - 1)),
            ),
            ("a PNG whose rows are missing", "a.png", lambda: png(64, 64, rows=zlib.compress(b""))),
            ("a PNG whose rows are noise", "a.png", lambda: png(64, 64, rows=b"\xff" * 1000)),
            ("a JPEG of 65,500 px a side", "a.jpg", lambda: jpeg(65_500, 65_500)),
            ("a JPEG of twenty thousand scans", "a.jpg", lambda: jpeg(4000, 4000, scans=20_000)),
            ("a BMP of 2³¹ px a side", "a.bmp", lambda: bmp(2**31 - 1, 2**31 - 1)),
            ("a BMP without rows", "a.bmp", lambda: bmp(5000, 5000)),
            ("a WebP of 16 million px a side", "a.webp", lambda: webp(2**24, 2**24)),
            ("a TIFF of sixty thousand pages", "a.tif", lambda: many_pages(60_000)),
            ("a TIFF whose pages are a circle", "a.tif", lambda: many_pages(2)[:-4] + struct.pack("<I", 8)),
            (
                "a TIFF with four billion strips",
                "a.tif",
                lambda: tiff(PLAIN | {273: (4, 2**32 - 1, 8), 279: (4, 2**32 - 1, 8)}),
            ),
            (
                "a TIFF with four billion depths",
                "a.tif",
                lambda: tiff(PLAIN | {258: (3, 2**32 - 1, 8)}),
            ),
            (
                "a TIFF with tiles of 65,536 px",
                "a.tif",
                lambda: tiff(
                    {tag: entry for tag, entry in PLAIN.items() if tag not in (273, 278, 279)}
                    | {259: (3, 1, 5), 322: (4, 1, 65_536), 323: (4, 1, 65_536)}
                    | {324: (4, 1, 8), 325: (4, 1, 100)}
                ),
            ),
            (
                "a TIFF of floating-point values",
                "a.tif",
                lambda: tiff(PLAIN | {258: (3, 1, 32), 339: (3, 1, 3), 279: (4, 1, 16384)}, bytes(16384)),
            ),
            (
                "a TIFF with a directory beyond its end",
                "a.tif",
                lambda: b"II*\0" + struct.pack("<I", 2**32 - 1),
            ),
            (
                "a large TIFF with 2⁶⁰ tags",
                "a.tif",
                lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(64),
            ),
        )
    ],
    *[
        Case(
            f"metadata that unpack to 200 MB, in {kind.decode()}",
            "predict",
            image(
                "a.png",
                lambda kind=kind: png(64, 64, chunk(kind, b"a\0\0" + zlib.compress(bytes(200_000_000), 1))),
            ),
            BROKEN,
        )
        for kind in (b"iCCP", b"zTXt")
    ],
]


def in_manifest(write: Callable[[Path], object], told: str) -> Case:
    """A cohort one of whose images is no file."""

    def prepare(place: Place) -> list[str]:
        cohort = place.folder / "cohort"
        shutil.copytree(place.manifest.parent, cohort)
        victim = next(iter(sorted(cohort.rglob("*.png"))))
        victim.unlink()
        write(victim)
        return ["data=manifest", f"data.manifest={cohort / place.manifest.name}", "data.image_size=32"]

    return Case(f"a cohort one of whose images {told}", "train", prepare, told)


def listening(path: Path) -> None:
    place = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{place}/{path.name}")
    os.close(place)


NO_FILES = [
    in_manifest(os.mkfifo, "is a pipe"),
    in_manifest(listening, "is a socket"),
    in_manifest(Path.mkdir, "is a folder"),
]

# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────


def table(write: Callable[[Path], object]) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        write(place.folder / "cohort.csv")
        return ["data=manifest", f"data.manifest={place.folder / 'cohort.csv'}", "data.image_size=32"]

    return prepare


def sparse(path: Path) -> None:
    """A file of many gigabytes that takes no space."""
    with path.open("wb") as file:
        file.truncate(2**36)


TABLE = r"cohort\.csv.*(can't be read|no column|correct|columns)"

TABLES = [
    Case(
        f"a manifest {name}",
        "train",
        table(write),
        r"cohort\.csv.*(can't|must|no column|zero|correct|columns)",
    )
    for name, write in (
        ("of 64 gigabytes", sparse),
        ("with one line of two megabytes", lambda path: path.write_bytes(b"a" * 2**21)),
        ("with a hundred thousand columns", lambda path: path.write_bytes(b"," * 100_000 + b"\n")),
        ("with forty million cells", lambda path: path.write_bytes((b"," * 3999 + b"\n") * 10_000)),
        (
            "with a quote that never ends",
            lambda path: path.write_bytes(b'image,patient,grade\n"' + b"x\n" * 10**5),
        ),
        ("of zero bytes within", lambda path: path.write_bytes(b"image,patient,grade\n\0,\0,\0\n")),
        ("that is a pipe", os.mkfifo),
        ("that is a device", lambda path: path.symlink_to("/dev/zero")),
    )
]

# ── regions and slides ───────────────────────────────────────────────────────────────────────────────────


def regions(content: Callable[[], str]) -> Callable[[Place], list[str]]:
    """Cut the slide by such regions."""

    def prepare(place: Place) -> list[str]:
        folder = place.folder / "regions"
        folder.mkdir()
        (folder / f"{place.slide.stem}.geojson").write_text(content())
        slides = place.folder / "slides.csv"
        slides.write_text(f"slide,patient,grade\n{place.slide.name},P1,poor\n")
        return [str(place.slide), f"regions={folder}", f"table={slides}", f"out={place.out}"]

    return prepare


def outline(*corners: object) -> str:
    return json.dumps({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [corners]}})


def star(points: int) -> str:
    """Every side crosses nearly all others."""
    step = 2 * math.pi * (points // 2) / points
    ring = [[500 + 300 * math.cos(n * step), 400 + 300 * math.sin(n * step)] for n in range(points)]
    return outline(*ring, ring[0])


REGIONS = [
    Case(f"regions {name}", "prepare", regions(content), r"\.geojson")
    for name, content in (
        ("within a hundred thousand brackets", lambda: "[" * 100_000),
        ("of 300,000 features", lambda: "[" + "0," * 300_000 + "0]"),
        ("with a number of 5,000 digits", lambda: "[" + "9" * 5000 + "]"),
        ("beyond all slides", lambda: outline([0, 0], [1e300, 0], [1e300, 1e300], [0, 0])),
        ("without end", lambda: '[{"geometry":{"type":"Polygon","coordinates":[[[0,0],[1e999,0],[9,9]]]}}]'),
        ("of mixed depth", lambda: outline([0, 0], [[1, 1]], "x")),
        (
            "within collections of collections",
            lambda: '{"geometry":' + '{"type":"GeometryCollection","geometries":[' * 400 + "]}" * 400 + "}",
        ),
        ("of a hundred megabytes", lambda: " " * 100_000_000),
    )
]
REGIONS.append(Case("a region that crosses itself a hundred times", "prepare", regions(lambda: star(21))))


def slide(
    content: Callable[[Place], bytes], *words: str, name: str = "s.svs"
) -> Callable[[Place], list[str]]:
    """Grade one such slide."""

    def prepare(place: Place) -> list[str]:
        path = place.folder / "s.svs"
        path.write_bytes(content(place))
        return [f"run={place.run}", str(path), f"out={place.out}", "accelerator=cpu", *words]

    return prepare


def tiled(place: Place, tag: int, value: int) -> bytes:
    """The slide with another value of a tag in its first directory."""
    content = bytearray(place.slide.read_bytes())
    at = struct.unpack_from("<I", content, 4)[0]
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", content, at)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            struct.pack_into("<HII", content, entry + 2, 4, 1, value)
    return bytes(content)


SLIDES = [
    Case(f"a slide {name}", "predict", slide(content, *words), r"s\.svs|slide_mpp=1e-06")
    for name, content, words in (
        ("of sixty thousand pages", lambda place: many_pages(60_000), ()),
        ("whose pages are a circle", lambda place: many_pages(3)[:-4] + struct.pack("<I", 8), ()),
        ("of 2³¹ px a side", lambda place: tiled(place, 256, 2**31 - 1), ()),
        ("with tiles of 2³⁰ px", lambda place: tiled(place, 322, 2**30), ()),
        ("with pixels of a picometre", lambda place: place.slide.read_bytes(), ("slide_mpp=1e-6",)),
        ("of noise", lambda place: b"II*\0" + bytes(range(256)) * 40, ()),
        ("that is empty", lambda place: b"", ()),
    )
]


CASES: list[Case] = [*CHECKPOINTS, *IMAGES, *NO_FILES, *TABLES, *REGIONS, *SLIDES]
