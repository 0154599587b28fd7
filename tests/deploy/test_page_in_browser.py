"""The page of an export in a browser that is offline, by the side of `livergrade predict`."""

import asyncio
import json
import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

from livergrade.config.schema import ExportConfig
from livergrade.deploy import grade_page
from livergrade.deploy.grade_page import page_runtime, write_page
from livergrade.errors import UserError
from livergrade.explanations.maps import class_activation
from livergrade.inference.grader import Grader
from livergrade.inference.scale import PAPER_UM
from livergrade.io.images import read_square
from livergrade.io.npm_package import NpmPackage, package_files
from livergrade.io.slide_reader import Slide
from livergrade.runs.run import Run
from tests.conftest import command
from tests.reading.chromium import Page, opened

pytestmark = pytest.mark.slow
pytest.importorskip("openslide")

AXE = NpmPackage(
    "axe-core",
    "4.10.3",
    "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg==",
)
DONE = "!busy && !waiting.length && graded.length + refused.length > 0"
STATUS = "document.querySelector('#status').textContent"


@pytest.fixture(scope="module")
def runtime() -> dict[str, bytes]:
    try:
        return page_runtime(ExportConfig(page=True))
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def exported(tiny_run: Path, runtime: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export with a page, which holds the same runtime from the cache."""
    folder = tmp_path_factory.mktemp("export")
    words = (f"run={tiny_run}", "page=true", "abstain=0.36", f"out={folder}", "data.outside=true")
    command("export", *words, outputs=folder)
    assert (folder / "grade.html").stat().st_size > len(runtime[grade_page.WASM])
    return folder


@pytest.fixture(scope="module")
def pictures(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images of the cohort, others of each format and shape, and eight that can't be graded."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, path in enumerate(sorted(manifest.parent.glob("*/*.png"))[:20:2]):
        shutil.copyfile(path, folder / f"{number}.png")
    first = Image.open(folder / "0.png").convert("RGB")
    large = first.resize((1900, 1400), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x112] = 6
    large.save(folder / "large.jpg", quality=85)
    large.save(folder / "progressive.jpg", quality=92, progressive=True, subsampling=0)
    large.resize((900, 500)).save(folder / "turned.jpg", exif=turned)
    first.convert("L").save(folder / "grey.jpg")
    first.quantize(16).save(folder / "palette.png")
    first.save(folder / "plain.bmp")
    first.save(folder / "lossy.webp", quality=80)
    first.resize((180, 700)).save(folder / "tall.png")
    first.resize((900, 90)).save(folder / "wide.png")
    Image.new("RGB", (200, 200), (20, 200, 30)).save(folder / "unlike.png")
    (folder / "bad_cut.jpg").write_bytes((folder / "large.jpg").read_bytes()[:20000])
    (folder / "bad_deep.png").write_bytes(imagecodecs.png_encode(np.asarray(first).astype(np.uint16) * 257))
    (folder / "bad_empty.png").write_bytes(b"")
    (folder / "bad_text.png").write_text("hello")
    first.convert("CMYK").save(folder / "bad_cmyk.jpg")
    first.save(folder / "bad_kind.tif")
    clear = first.convert("RGBA")
    clear.putalpha(200)
    clear.save(folder / "bad_clear.png")
    first.resize((12, 12)).save(folder / "bad_small.png")
    return folder


def browsed(exported: Path, profile: Path, then: Any, *arguments: Any) -> Any:
    """What an asynchronous function finds on the page, in a browser without a network."""

    async def browse() -> Any:
        async with opened(profile) as page:
            await page.call("Network.enable")
            offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            await page.call("Network.emulateNetworkConditions", offline=True, **offline)
            await page.size(1400, 900)
            address = (exported / "grade.html").as_uri()
            await page.go(address)
            found = await then(page, *arguments)
            asked = [one for one in page.requests if not one.startswith(("data:", "blob:"))]
            assert asked == [address]
            assert page.errors == []
            return found

    return asyncio.run(browse())


async def graded(page: Page, files: Sequence[Path]) -> None:
    await page.until("session !== undefined", 120)
    await page.choose("#files", files)
    await page.until(DONE, 200)


def test_the_page_answers_as_predict_does(
    exported: Path, pictures: Path, tiny_run: Path, tmp_path: Path
) -> None:
    files = sorted(pictures.iterdir())

    async def look(page: Page) -> tuple[str, list[Any], list[str]]:
        await graded(page, files)
        problems = await page.js("[...document.querySelectorAll('#problems li')].map(one => one.textContent)")
        maps = await page.js("graded.map(one => [one.row.image, one.row.predicted, one.map.most])")
        return await page.js("csv(graded.map(one => one.row))"), maps, problems

    table, maps, problems = browsed(exported, tmp_path / "profile", look)
    (tmp_path / "images.csv").write_text(table, "utf-8")
    found = pd.read_csv(tmp_path / "images.csv", keep_default_na=False).set_index("image")
    good = [path for path in files if not path.name.startswith("bad_")]
    assert [line.split(":")[0] for line in problems] == [path.name for path in files if path not in good]
    assert not any("undefined" in line or "could not" in line for line in problems)
    names = ",".join(str(path) for path in good)
    words = (f"run={tiny_run}", f"inputs=[{names}]", "abstain=0.36", "accelerator=cpu")
    command("predict", *words, f"out={tmp_path / 'predicted'}", outputs=tmp_path)
    expected = pd.read_csv(tmp_path / "predicted" / "images.csv", keep_default_na=False)
    expected = expected.set_index(expected["image"].map(lambda name: Path(name).name)).loc[found.index]
    assert [*found.columns] == [name for name in expected.columns if name not in ("image", "patient")]
    for column in ("predicted", "answer", "set", "unlike", "agree"):
        assert found[column].tolist() == expected[column].tolist(), column
    assert found["answer"].nunique() > 1
    np.testing.assert_allclose(found["distance"], expected["distance"], atol=2e-6)
    probabilities = [name for name in found.columns if name.startswith("p_")]
    np.testing.assert_allclose(found[probabilities], expected[probabilities], rtol=0, atol=1e-5)
    grader = Grader(Run(tiny_run), None, "cpu", calibrated=True)
    for name, predicted, most in maps[:10]:
        view = grader.view(torch.tensor(read_square(pictures / name, grader.size))[None], 0.0)
        heat = class_activation(grader.net, view)[1]["hires_cam"][0, grader.classes.index(predicted)]
        assert most == pytest.approx(float(heat.max()), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("model", ["vgg16", "resnet50", "cbam", "senet", "sknet"])
def test_each_of_the_papers_networks_answers_as_in_predict(
    model: str, sweep: Path, narrow: None, runtime: dict[str, bytes], manifest: Path, tmp_path: Path
) -> None:
    """Narrow ones, briefly trained; of a map the largest value is that of `explain`."""
    (folder,) = (
        path.parent for path in sweep.glob("*/config.yaml") if Run(path.parent).config.model.name == model
    )
    words = (f"run={folder}", "page=true", f"out={tmp_path / 'export'}", "data.outside=true")
    command("export", *words, outputs=tmp_path)
    files = sorted(manifest.parent.glob("*/*.png"))[:10]

    async def look(page: Page) -> list[dict[str, Any]]:
        await graded(page, files)
        found = await page.js("graded.map(one => ({ ...one.row, most: one.map?.most ?? null }))")
        assert isinstance(found, list)
        return found

    rows = browsed(tmp_path / "export", tmp_path / "profile", look)
    names = ",".join(map(str, files))
    words = (f"run={folder}", f"inputs=[{names}]", "accelerator=cpu", f"out={tmp_path / 'predicted'}")
    command("predict", *words, outputs=tmp_path)
    expected = pd.read_csv(tmp_path / "predicted" / "images.csv", keep_default_na=False)
    expected.index = [Path(name).name for name in expected["image"]]
    grader = Grader(Run(folder), None, "cpu", calibrated=True)
    for row, path in zip(rows, files, strict=True):
        of_predict = expected.loc[row["image"]]
        assert [row[name] for name in ("predicted", "answer", "set")] == [
            of_predict[name] for name in ("predicted", "answer", "set")
        ]
        for grade in grader.classes:
            assert row[f"p_{grade}"] == pytest.approx(float(of_predict[f"p_{grade}"]), abs=1e-5)
        heat = grader.activation(torch.tensor(read_square(path, grader.size))[None])[0]
        most = float(heat[grader.classes.index(row["predicted"])].max())
        assert row["most"] == pytest.approx(most, rel=1e-3, abs=1e-5)


def test_a_page_without_the_network_takes_its_file_alone(
    exported: Path, pictures: Path, runtime: dict[str, bytes], tmp_path: Path
) -> None:
    found = re.search(r'id="facts">(.*?)</script>', (exported / "grade.html").read_text("utf-8"), re.DOTALL)
    assert found
    model = shutil.copyfile(exported / "model.onnx", tmp_path / "model.onnx")
    write_page(tmp_path / "grade.html", model, json.loads(found[1]) | {"embedded": False}, runtime)

    async def look(page: Page) -> None:
        await page.until("!document.querySelector('#ask').hidden", 60)
        await page.choose("#files", [pictures / "0.png"])
        await page.choose("#model", [pictures / "1.png"])
        await page.until(f"{STATUS}.includes('SHA-256')")
        await page.choose("#model", [tmp_path / "model.onnx"])
        await page.until(f"{DONE} && graded.length === 1", 120)

    browsed(tmp_path, tmp_path / "profile", look)


def test_a_folder_and_a_slide_that_is_cleared_away_are_no_errors(
    exported: Path, pictures: Path, tmp_path: Path
) -> None:
    slide = write_jpeg_slide(tmp_path / "slide.tif", "rgb")

    async def look(page: Page) -> None:
        await graded(page, [slide, tmp_path])
        assert "is a folder" in await page.js("document.querySelector('#problems li').textContent")
        await page.until("!document.querySelector('#scale').hidden")
        await page.call(
            "Emulation.setEmulatedMedia", media="print"
        )  # whose list has no end that can't be reached
        assert await page.js("getComputedStyle(document.querySelector('#problems ul')).maxHeight") == "none"
        await page.call("Emulation.setEmulatedMedia", media="screen")
        await page.js("document.querySelector('#clear').click()")
        await page.choose("#files", [pictures / "0.png"])
        await page.until(f"{DONE} && document.querySelector('#scale').textContent === 'scale not known'")

    browsed(exported, tmp_path / "profile", look)


def test_the_page_is_for_everybody(exported: Path, pictures: Path, tmp_path: Path) -> None:
    try:
        axe = package_files(AXE, ["axe.min.js"], option="axe")["axe.min.js"].decode()
    except UserError as error:
        pytest.skip(str(error))

    async def look(page: Page) -> None:
        await graded(page, [pictures / name for name in ("0.png", "unlike.png", "bad_text.png")])
        await page.js("document.querySelector('#card').open = true")
        await page.js(f"{axe}; null")
        for language in ("en", "de", "zh"):
            await page.js(
                f"(() => {{ const e = document.querySelector('#language'); e.value = '{language}';"
                " e.dispatchEvent(new Event('change')); })()"
            )
            for dark in (False, True):
                await page.size(1400 if dark else 390, 900, dark=dark)
                serious = await page.js(
                    "axe.run().then(r => r.violations.filter(v => ['serious', 'critical']"
                    ".includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.target + "
                    "n.failureSummary).join('; ')))"
                )
                assert serious == [], (language, dark)
                assert await page.js("document.documentElement.scrollWidth <= innerWidth")
        small = await page.js(
            "[...document.querySelectorAll('button, select, summary, .button')].filter(e => e.offsetHeight"
            " && (e.offsetHeight < 44 || e.offsetWidth < 44)).length"
        )
        assert small == 0

    browsed(exported, tmp_path / "profile", look)


def write_jpeg_slide(path: Path, photometric: str) -> Path:
    """A pyramid of JPEG tiles, 1024 × 768 px of 2 µm, smooth and with noise."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(60, 250, (24, 32, 3), np.uint8))
    pixels = np.asarray(coarse.resize((1024, 768), Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = (pixels + rng.integers(-9, 10, pixels.shape)).clip(0, 255).astype(np.uint8)
    with tifffile.TiffWriter(path) as file:
        for level in range(2):
            file.write(
                np.ascontiguousarray(pixels[:: 2**level, :: 2**level]),
                tile=(128, 128),
                photometric=photometric,
                compression="jpeg",
                metadata=None,
                resolution=(5000 / 2**level,) * 2,
                resolutionunit="CENTIMETER",
                subfiletype=level,
            )
    return path


def test_a_region_of_a_slide_is_graded_as_a_tile_of_predict(
    exported: Path, tiny_run: Path, tmp_path: Path
) -> None:
    slides = [write_jpeg_slide(tmp_path / f"{kind}.tif", kind) for kind in ("rgb", "ycbcr")]
    boxes = [(0, 0, 128, 64), (100.5, 37.25, 300.7, 51), (-40, 700, 200, 45), (900.2, 3, 900, 64)]

    async def look(page: Page) -> tuple[list[Any], list[Any]]:
        await graded(page, slides)
        squares = [
            await page.js(f"graded[{number}].slide.square({', '.join(map(str, box))}).then(d => [...d])")
            for number in range(2)
            for box in boxes
        ]
        await page.js("document.querySelector('#stage').focus()")
        shifted = {"key": "ArrowLeft", "code": "ArrowLeft", "modifiers": 8, "windowsVirtualKeyCode": 37}
        await page.call("Input.dispatchKeyEvent", type="keyDown", **shifted)
        await page.js("document.querySelector('#region').focus()")
        await page.key("Enter")
        await page.until("graded.length === 3 && !busy", 60)
        return squares, await page.js("graded.map(one => one.row)")

    squares, rows = browsed(exported, tmp_path / "profile", look)
    expected = []
    for path in slides:
        slide = Slide(path)
        expected += [slide.read(x, y, side, side, (size, size)) for x, y, side, size in boxes]
    for found, square in zip(squares, expected, strict=True):
        assert found == square.flatten().tolist()
    grader = Grader(Run(tiny_run), None, "cpu", calibrated=True)
    side = PAPER_UM / 2
    left, top = (1024 - side) / 2, (768 - side) / 2
    for row, x in zip(rows, (left, left, left - side / 2), strict=True):
        slide = Slide(slides[0] if row is rows[0] else slides[1])
        square = slide.read(x, top, side, side, (grader.size, grader.size))
        probabilities = grader.grade(torch.tensor(square)[None])[0].mean(0)
        assert [row[f"p_{grade}"] for grade in grader.classes] == pytest.approx(probabilities, abs=1e-5)
        assert row["image"].endswith(f".tif x={math.floor(x + 0.5)} y={math.floor(top + 0.5)}")
        assert row["set"] == ""


def write_odd_files(folder: Path) -> dict[str, str]:
    """Files that a page can't grade, each with how its line begins."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    of_another_kind = "is a TIFF of another kind"
    for compression in ("none", "lzw", "deflate"):
        tifffile.imwrite(folder / f"{compression}.tif", pixels, compression=compression, photometric="rgb")
    tifffile.imwrite(folder / "tiles.tif", pixels, tile=(64, 64), compression="deflate", photometric="rgb")
    tifffile.imwrite(folder / "deep.tif", pixels.astype(np.uint16) * 257, photometric="rgb")
    tifffile.memmap(folder / "300_mb.tif", shape=(10000, 10000, 3), dtype=np.uint8, photometric="rgb").flush()
    told = dict.fromkeys((path.name for path in folder.iterdir()), of_another_kind)
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 257))
    slide = write_jpeg_slide(folder / "slide.tif", "rgb")
    whole = slide.read_bytes()
    with tifffile.TiffFile(slide) as file:
        places = list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))
    damaged = bytearray(whole)
    for start, length in places:
        damaged[start : start + length] = bytes(length)
    for name, content in {
        "cut.tif": whole[: len(whole) // 2],
        "cut_first.tif": whole[:6],
        "junk.tif": b"II*\0" + bytes(range(256)) * 4,
        "damaged_tiles.tif": bytes(damaged),
    }.items():
        (folder / name).write_bytes(content)
    cut = dict.fromkeys(("cut.tif", "cut_first.tif", "junk.tif"), "is damaged or cut short")
    return told | cut | {"deep.png": "is a PNG of 16 bits", "damaged_tiles.tif": "has a tile"}


def test_every_odd_file_is_graded_or_one_clear_line(exported: Path, tmp_path: Path) -> None:
    """A slide of 300 MB is graded, since only the tiles of a region are read."""
    told = write_odd_files(tmp_path)
    large = tmp_path / "large_slide.tif"
    large.write_bytes((tmp_path / "slide.tif").read_bytes())
    with large.open("r+b") as file:
        file.truncate(300_000_000)

    async def look(page: Page) -> tuple[list[str], list[str]]:
        await graded(page, [*(tmp_path / name for name in told), large])
        rows = await page.js("graded.map(one => one.row.image)")
        return await page.js("[...document.querySelectorAll('#problems li')].map(e => e.textContent)"), rows

    lines, rows = browsed(exported, tmp_path / "profile", look)
    assert [line.split(": ")[0] for line in lines] == list(told)
    for line, start in zip(lines, told.values(), strict=True):
        assert line.split(": ")[1].startswith(start), line
        assert ";" in line, "what to do"
    assert [row.split(" ")[0] for row in rows] == ["large_slide.tif"]


def test_a_row_says_that_it_has_the_pixels_of_another(exported: Path, pictures: Path, tmp_path: Path) -> None:
    again = shutil.copyfile(pictures / "0.png", tmp_path / "again.png")

    async def look(page: Page) -> list[str]:
        await graded(page, [pictures / "0.png", pictures / "1.png", again])
        await page.choose("#files", [pictures / "1.png"])
        await page.until(f"{DONE} && graded.length === 4")
        told = await page.js("[...document.querySelectorAll('#rows tr')].map(e => e.cells[0].textContent)")
        assert isinstance(told, list)
        return told

    rows = browsed(exported, tmp_path / "profile", look)
    assert rows[:2] == ["0.png", "1.png"]
    assert rows[2:] == ["again.pngThe same pixels as 0.png.", "1.pngThe same pixels as 1.png."]


async def tab(page: Page) -> str:
    """Press the tab key; the id, or the text, of what has the focus then."""
    for kind in ("keyDown", "keyUp"):
        await page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    told = await page.js("document.activeElement.id || document.activeElement.textContent")
    assert isinstance(told, str)
    return told


def test_the_keyboard_alone_does_everything(exported: Path, pictures: Path, tmp_path: Path) -> None:
    async def look(page: Page) -> None:
        await graded(page, [pictures / name for name in ("large.jpg", "unlike.png")])
        await page.until("picture.image.naturalWidth > 0")
        reached = [await tab(page) for _ in range(6)]
        assert reached == ["language", "files", "stage", "zoom-in", "zoom-out", "fit"]
        await page.js("document.querySelector('#stage').focus()")
        await page.key("+")
        assert await page.js("picture.zoomed") > 1
        await page.key("0")
        assert await page.js("picture.zoomed") == 1
        await page.js("document.querySelector('#fit').focus()")
        assert await tab(page) == "map"
        await page.key("Enter")
        assert await page.js("!document.querySelector('#overlay').hidden")
        assert await page.js("document.querySelector('#why').textContent.includes('Red speaks for')")
        while await tab(page) != "unlike.png":
            pass
        await page.key("Enter")
        await page.until("document.querySelector('#shown').textContent === 'unlike.png: unlike training'")
        assert await page.js("document.querySelector('#why').textContent.includes('the limit is')")

    browsed(exported, tmp_path / "profile", look)
