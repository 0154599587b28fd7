"""The contact sheet in a browser: by keyboard, by fingers, several images at once."""

import asyncio
import os
from pathlib import Path

import pandas as pd
import pytest

from livergrade.reading.store import Store
from tests.conftest import draw_image
from tests.reading.chromium import Page, opened
from tests.reading.served import READY, Served, served

pytestmark = pytest.mark.slow
pytest.importorskip("uvicorn")

SHEET = "!document.querySelector('#sheet').hidden && document.querySelectorAll('#tiles > div').length === 18"
PICTURES = "[...document.querySelectorAll('#tiles img')].every(i => i.complete && i.naturalWidth)"


def graded(folder: Path) -> Path:
    """Three images of each of six patients, of all three grades."""
    rows = []
    for number in range(18):
        draw_image(folder / f"{number}.png", number, number % 3, (200, 150))
        rows.append((f"{number}.png", f"P{number // 3 + 5}", ["poor", "moderate", "well"][number % 3]))
    table = folder / "graded.csv"
    pd.DataFrame(rows, columns=["image", "patient", "grade"]).to_csv(table, index=False)
    return table


async def told(page: Page, text: str) -> None:
    await page.until(f"document.querySelector('#sheet-message').textContent === {text!r}")


async def decided(page: Page) -> list[str]:
    """What is decided of each image on the sheet, in the sheet's order."""
    found = await page.js("[...document.querySelectorAll('.decided')].map(e => e.textContent)")
    assert isinstance(found, list)
    return found


async def choose(page: Page, filter_: str, text: str) -> None:
    """Choose in a filter what has this text."""
    await page.js(
        f"(s => {{ s.selectedIndex = [...s.options].findIndex(o => o.text === {text!r});"
        f" s.dispatchEvent(new Event('change')) }})(document.querySelector('#{filter_}'))"
    )


def shown(page: Page) -> object:
    return page.js("document.querySelectorAll('#tiles > div:not([hidden])').length")


def test_many_images_are_kept_or_left_out_by_key_and_taken_back(tmp_path: Path) -> None:
    out = tmp_path / "review"
    words = ("readers=[anna]", f"manifest={graded(tmp_path)}", f"out={out}", "mode=confirm", "port=0")
    with served(*words) as server:
        asyncio.run(by_key(server.links["anna"], tmp_path))
        told = server.stop()
    assert "exclusions.csv" in told
    excluded = pd.read_csv(out / "exclusions.csv", dtype=str).set_index("image")["reason"]
    assert excluded.to_dict() == {"0.png": "artefact", "1.png": "artefact", "2.png": "quality"}
    kept = pd.read_csv(out / "manifest.csv", dtype=str)
    assert set(kept["image"]) == {"4.png", "7.png", "10.png", "13.png", "16.png"}
    assert set(kept["grade"]) == {"moderate"}
    readings = pd.read_csv(out / "readings.csv", dtype=str, keep_default_na=False)
    assert readings["undone"].eq("true").sum() == 41  # 38 taken back, three decided anew
    assert readings.loc[readings["image"] == "2.png", "seconds"].tolist()[-1] != ""  # decided while large


async def by_key(link: str, folder: Path) -> None:
    async with opened(folder / "browser") as page:
        await page.size(1400, 900)
        await page.go(link)
        await page.until(f"{SHEET} && {PICTURES}")
        assert await page.js("document.activeElement.ariaLabel") == "1, P5, poor, not decided"
        await page.key(" ")
        await page.key("ArrowRight")
        await page.key(" ")
        assert await page.js("document.querySelector('#counted').textContent") == "18 shown, 2 chosen"
        await page.key("5")
        await told(page, "Stored: 2 × artefact")
        await page.key("u")  # both, as they were decided together
        await told(page, "Undone: 2")
        assert await decided(page) == [""] * 18
        for key, text in (
            ("5", "Stored: 18 × artefact"),
            ("1", "Stored: 18 × keep"),
            ("Backspace", "Taken back: 18"),
        ):
            await page.key("a")
            await page.key(key)
            await told(page, text)
        for now in ("keep", "artefact", ""):  # one step after another, also what was decided over
            await page.key("u")
            await told(page, "Undone: 18")
            await page.until(
                f"[...document.querySelectorAll('.decided')].every(e => e.textContent === '{now}')"
            )
        for key in ("Home", "5", "5", "2"):  # each goes on to the next one; none is lost, however fast
            await page.key(key)
        await page.until("document.querySelector('#progress').textContent === '3 of 18 decided'")
        await page.until("document.activeElement.id === 'tile-3'")
        assert (await decided(page))[:4] == ["artefact", "artefact", "poor image quality", ""]
        await choose(page, "by-grade", "moderate")
        assert await shown(page) == 6
        await page.key("a")
        await page.key("1")
        await told(page, "Stored: 6 × keep")
        assert (await decided(page))[:2] == ["artefact", "keep"]  # the last decision holds
        await choose(page, "by-decision", "not decided")
        await page.until("!document.querySelector('#nothing').hidden")
        await choose(page, "by-decision", "all")
        await choose(page, "by-grade", "all")
        await choose(page, "by-patient", "P5")
        assert await shown(page) == 3
        await page.js("document.querySelector('#tile-1').focus()")
        await page.key("5")
        await told(page, "Stored: 1 × artefact")
        await page.js("document.querySelector('#tile-2').focus()")
        await page.key("Enter")
        await page.until(READY)
        assert "Decision: poor image quality" in await page.js("document.querySelector('#known').innerText")
        await page.key("2")
        await page.key(" ")
        await page.until(SHEET)
        await page.until("document.activeElement.id === 'tile-2'")
        assert await decided(page) == ["artefact", "artefact", "poor image quality"] + ["", "keep", ""] * 5
        assert page.errors == []


def test_an_image_that_can_not_be_shown_is_not_kept(tmp_path: Path) -> None:
    out = tmp_path / "review"
    words = ("readers=[anna]", f"manifest={graded(tmp_path)}", f"out={out}", "mode=confirm", "port=0")
    with served(*words) as server:
        asyncio.run(lost(server.links["anna"], tmp_path))
        server.stop()
    left_out = pd.read_csv(out / "left_out.csv", dtype=str)
    assert left_out[["image", "reason"]].to_numpy().tolist() == [["1.png", "excluded: other_reason"]]


async def lost(link: str, folder: Path) -> None:
    for name in ("0", "1"):
        (folder / f"{name}.png").rename(folder / f"{name}.gone")
    async with opened(folder / "browser") as page:
        await page.go(link)
        await page.until("document.querySelectorAll('.lost').length === 2")
        for key in ("Home", "1"):
            await page.key(key)
        await told(page, "This image is not shown, so it can neither be graded nor kept")
        (folder / "0.gone").rename(folder / "0.png")  # it is put back
        for key in ("a", "1"):
            await page.key(key)
        await told(page, "Stored: 16 × keep")
        await page.until("document.querySelectorAll('.lost').length === 1")
        assert await decided(page) == ["", ""] + ["keep"] * 16
        for key, text in (("1", "Stored: 1 × keep"), ("6", "Stored: 1 × another reason")):
            await page.key(key)
            await told(page, text)


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (390, 844)])
def test_fingers_choose_open_and_leave_out(tmp_path: Path, width: int, height: int) -> None:
    out = tmp_path / "review"
    words = ("readers=[anna]", f"manifest={graded(tmp_path)}", f"out={out}", "mode=confirm", "port=0")
    with served(*words) as server:
        asyncio.run(by_finger(server.links["anna"], tmp_path, (width, height)))
        server.stop()
    excluded = pd.read_csv(out / "exclusions.csv", dtype=str).set_index("image")["reason"]
    assert excluded.to_dict() == {"0.png": "wrong_stain", "2.png": "wrong_stain", "1.png": "no_tissue"}


async def by_finger(link: str, folder: Path, size: tuple[int, int]) -> None:
    async with opened(folder / "browser") as page:
        await page.size(*size, touch=True)
        await page.go(link)
        await page.until(SHEET)
        await page.tap("#tile-0")
        await asyncio.sleep(0.6)  # longer than a double tap
        await page.tap("#tile-2")
        assert await page.js("document.querySelector('#counted').textContent") == "18 shown, 2 chosen"
        await page.tap("#decisions button:nth-child(4)")
        await told(page, "Stored: 2 × not H&E")
        await page.tap("#tile-1")
        await page.tap("#tile-1")
        await page.until(READY)
        assert await page.js("document.documentElement.scrollWidth <= innerWidth")
        await page.tap("#choices button:nth-child(3)")
        await page.tap("#next")
        await page.until(SHEET)
        await page.until("document.querySelector('#progress').textContent === '3 of 18 decided'")
        assert await decided(page) == ["not H&E", "no tissue to grade", "not H&E"] + [""] * 15
        small = await page.js(
            "[...document.querySelectorAll('button, select')].filter(e => e.offsetHeight && "
            "(e.offsetHeight < 44 || e.offsetWidth < 44)).length"
        )
        assert small == 0
        for language in ("de", "zh", "en"):
            await page.js(f"document.querySelector('#language').value = '{language}'")
            await page.js("document.querySelector('#language').dispatchEvent(new Event('change'))")
            wide = (
                "[...document.querySelectorAll('button')].filter(e => e.scrollWidth > e.clientWidth).length"
            )
            assert await page.js(f"document.documentElement.scrollWidth <= innerWidth && {wide} === 0")
        assert page.errors == []


def test_a_decision_outlives_that_the_server_is_killed(tmp_path: Path) -> None:
    out, port = tmp_path / "review", 22000 + os.getpid() % 2000
    words = ("readers=[anna]", f"manifest={graded(tmp_path)}", f"out={out}", "mode=confirm", f"port={port}")
    with served(*words) as server:
        asyncio.run(killed(server, tmp_path))
        server.stop()
    assert len(Store(out / "review.db").readings()) == 18


async def killed(server: Served, folder: Path) -> None:
    async with opened(folder / "browser") as page:
        await page.go(server.links["anna"])
        await page.until(SHEET)
        server.kill()
        await page.key("a")
        await page.key("1")
        await page.until("document.querySelector('#sheet-message').textContent.startsWith('Not stored yet')")
        await asyncio.to_thread(server.start)
        await told(page, "Stored: 18 × keep")
        assert await decided(page) == ["keep"] * 18
