"""The page for everybody: what axe-core finds in each mode, and a tablet's and a phone's fingers."""

import asyncio
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.io.npm_package import NpmPackage, package_files
from tests.conftest import write_slide
from tests.reading.chromium import Page, opened
from tests.reading.served import READY, cohort, served

pytestmark = pytest.mark.slow
pytest.importorskip("uvicorn")

AXE = NpmPackage(
    "axe-core",
    "4.10.3",
    "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg==",
)


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    try:
        return package_files(AXE, ["axe.min.js"], option="axe")["axe.min.js"].decode()
    except UserError as error:
        pytest.skip(str(error))


async def found(page: Page, axe: str) -> list[str]:
    """What axe-core calls serious or critical on the page as it is now."""
    await page.js(f"{axe}; null")
    told = await page.js(
        "axe.run().then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary).join('; ')))"
    )
    assert isinstance(told, list)
    return told


def words(mode: str, folder: Path, run: Path) -> list[str]:
    """What is typed to begin a review of a mode."""
    table = cohort(folder)
    if mode == "audit":
        return [f"run={run}"]
    if mode == "slides":
        pytest.importorskip("openslide")
        write_slide(folder / "slides" / "a.tif")
        return [f"manifest={folder / 'slides'}"]
    if mode == "adjudicate":
        rows = [(reader, "0.png", grade) for reader, grade in (("anna", "poor"), ("ben", "well"))]
        pd.DataFrame(rows, columns=["reader", "image", "grade"]).to_csv(folder / "tool.csv", index=False)
        first = (f"manifest={table}", f"readings={folder / 'tool.csv'}", "export=true")
        from tests.conftest import command

        command("review", *first, f"out={folder / 'first'}", outputs=folder)
        return [f"of={folder / 'first'}"]
    return [f"manifest={table}"]


@pytest.mark.parametrize("mode", ["read", "confirm", "adjudicate", "audit", "slides"])
def test_axe_finds_nothing_serious(tmp_path: Path, tiny_run: Path, axe: str, mode: str) -> None:
    given = words(mode, tmp_path, tiny_run)
    mode_word = "mode=read" if mode == "slides" else f"mode={mode}"
    with served("readers=[panel]", *given, mode_word, f"out={tmp_path / 'review'}", "port=0") as server:
        assert asyncio.run(findings(server.links["panel"], tmp_path, axe, mode)) == {}
        server.stop()


async def findings(link: str, folder: Path, axe: str, mode: str) -> dict[str, Any]:
    """By state of the page what axe-core finds, and what the browser complains of."""
    told: dict[str, Any] = {}
    there = {
        "slides": "document.querySelector('#progress').textContent && "
        "document.querySelector('#cover').hidden",
        "confirm": "document.querySelectorAll('#tiles > div').length > 0",
    }.get(mode, READY)
    async with opened(folder / "browser") as page:
        for dark in (False, True):
            await page.size(1400, 900, dark=dark)
            if not dark:
                await page.go(link)
            await page.until(there)
            told[f"dark {dark}"] = await found(page, axe)
        await page.size(390, 844, touch=True)
        for language in ("de", "zh", "en") if mode in ("read", "confirm") else ():
            await page.js(f"document.querySelector('#language').value = '{language}'")
            await page.js("document.querySelector('#language').dispatchEvent(new Event('change'))")
            assert await page.js("document.documentElement.lang") == language
            told[language] = await found(page, axe)
        if mode == "confirm":
            await page.key(" ")
            told["chosen on the sheet"] = await found(page, axe)
            await page.key("5")
            await page.until("!!document.querySelector('[data-choice=left_out]')")
            told["left out"] = await found(page, axe)
            await page.key("Enter")
            await page.until(READY)
        await page.key("1")
        told["chosen"] = await found(page, axe)
        if mode == "audit":  # of images whose scale is not known
            assert await page.js("document.querySelector('#scale').innerText.trim()") == "scale not known"
            await page.key(" ")
            await page.until("!document.querySelector('#revealed').hidden")
            told["revealed"] = await found(page, axe)
        await page.key("p")
        told["paused"] = await found(page, axe)
        told["browser"] = page.errors
    return {state: lines for state, lines in told.items() if lines}


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (390, 844)])
def test_two_fingers_zoom_and_one_moves(tmp_path: Path, width: int, height: int) -> None:
    given = ("readers=[anna]", f"manifest={cohort(tmp_path)}", f"out={tmp_path / 'review'}", "port=0")
    with served(*given) as server:
        asyncio.run(fingers(server.links["anna"], tmp_path, (width, height)))
        server.stop()
    (row,) = pd.read_csv(tmp_path / "review" / "readings.csv", dtype=str).to_dict("records")
    assert (row["grade"], row["confidence"]) == ("moderate", "3")


async def fingers(link: str, folder: Path, size: tuple[int, int]) -> None:
    """Zoom, move, fit, and answer, without a mouse or keys."""
    box = "(b => [b.x + b.width / 2, b.width])(document.querySelector('#picture').getBoundingClientRect())"
    async with opened(folder / "browser") as page:
        await page.size(*size, touch=True)
        await page.go(link)
        await page.until(READY)
        middle, width = await page.js(box)
        await page.pinch("#stage", (100, 160))
        assert await page.js(box) == pytest.approx([middle, 1.6 * width], abs=3)
        await page.pinch("#stage", (100, 100), 40)
        assert await page.js(box) == pytest.approx([middle + 40, 1.6 * width], abs=3)
        assert await page.js("visualViewport.scale") == 1  # the page itself is not zoomed
        await asyncio.sleep(0.5)
        await page.tap("#fit")
        assert await page.js(box) == pytest.approx([middle, width], abs=1)
        assert await page.js("document.documentElement.scrollWidth <= innerWidth")
        await page.tap("#choices button:nth-child(2)")
        await page.tap("#confidence button:nth-child(3)")
        await page.tap("#next")
        await page.until("document.querySelector('#progress').textContent === '2 of 20'")
        assert page.errors == []


def test_a_slide_is_zoomed_down_to_full_resolution(tmp_path: Path) -> None:
    """By keys, by fingers, and back; the bar is as long as it says."""
    pytest.importorskip("openslide")
    write_slide(tmp_path / "slides" / "a.tif", grain=15)
    given = ("readers=[anna]", f"manifest={tmp_path / 'slides'}", f"out={tmp_path / 'review'}", "port=0")
    with served(*given) as server:
        asyncio.run(zoomed(server.links["anna"], tmp_path))
        server.stop()


async def zoomed(link: str, folder: Path) -> None:
    view = "views[1].viewer.viewport"
    shown = f"{view}.viewportToImageZoom({view}.getZoom())"  # CSS pixels for one of the slide
    asked = "performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
    async with opened(folder / "browser") as page:
        await page.size(390, 844, touch=True)
        await page.go(link)
        await page.until("document.querySelector('#cover').hidden && !!views[1].viewer")
        first = await page.js(shown)
        assert first < 0.5
        await page.pinch("#slide", (60, 180))
        await asyncio.sleep(1)
        assert await page.js(shown) == pytest.approx(3 * first, rel=0.2)
        centre = await page.js(f"{view}.viewportToImageCoordinates({view}.getCenter()).x")
        await page.pinch("#slide", (100, 100), 40)
        await asyncio.sleep(1)
        moved = await page.js(f"{view}.viewportToImageCoordinates({view}.getCenter()).x")
        assert moved < centre - 10
        for _ in range(12):
            await page.key("+")
        await asyncio.sleep(1)
        assert await page.js(shown) == pytest.approx(8, rel=0.01)  # and no further
        assert any(path.startswith("/tile/0/10/") for path in await page.js(asked))
        bar = "document.querySelector('#scale')"
        length = await page.js(f"{bar}.lastElementChild.getBoundingClientRect().width")
        assert await page.js(f"{bar}.innerText.trim()") == f"{length / 8 * 0.5:g} µm"
        await page.key("0")
        await asyncio.sleep(1)
        assert await page.js(shown) == pytest.approx(first, rel=0.01)
        await page.key("3")
        await page.key(" ")
        await page.until("document.querySelector('#panel').classList.contains('finished')")
        assert page.errors == []
