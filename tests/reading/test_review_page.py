"""The page in a browser: readers at keyboards and with a finger, while the server is killed."""

import asyncio
import contextlib
import json
import os
import re
import time
from pathlib import Path

import pandas as pd
import pytest

from livergrade.reading.store import Store
from tests.conftest import TINY, train
from tests.reading.chromium import Page, opened
from tests.reading.served import FINISHED, READY, Served, cohort, served

pytestmark = pytest.mark.slow
pytest.importorskip("uvicorn")


KILLED = re.compile(
    "net::ERR_(CONNECTION|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|CONTENT_LENGTH|INCOMPLETE|NETWORK_IO)"
)
"""What the browser says of a request whose server is killed meanwhile; the page asks again."""


async def read_all(page: Page, answers: str, *, finger: bool) -> None:
    """Answer until all is read, the key of each image in turn."""
    for at in range(200):
        await page.until(f"({FINISHED}) || ({READY})", 90)
        if await page.js(FINISHED):
            return
        before = await page.js("document.querySelector('#progress').textContent")
        answer = answers[at % len(answers)]
        if finger:
            await page.tap(f"#choices button:nth-child({answer})")
            await page.tap("#next")
        else:
            await page.key(answer)
            await page.key(" ")
        await page.until(
            f"({FINISHED}) || document.querySelector('#progress').textContent !== '{before}'", 90
        )
    raise AssertionError("it goes on for ever")


async def three_readers(server: Served, folder: Path) -> None:
    async with contextlib.AsyncExitStack() as tabs:
        pages = {}
        for reader in ("anna", "ben", "chen"):
            page = await tabs.enter_async_context(opened(folder / f"browser_{reader}"))
            touch = reader == "chen"
            await page.size(390 if touch else 1400, 844 if touch else 900, touch=touch)
            await page.go(server.links[reader])
            pages[reader] = page
        reads = [
            asyncio.create_task(read_all(page, answers, finger=reader == "chen"))
            for (reader, page), answers in zip(pages.items(), ("1233", "123", "2"), strict=True)
        ]
        store = folder / "review" / "review.db"
        for wanted in (10, 25, 45):
            while len(Store(store).readings()) < wanted and not all(task.done() for task in reads):
                await asyncio.sleep(0.05)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await asyncio.gather(*reads)
        for page in pages.values():
            assert [error for error in page.errors if not KILLED.search(error)] == []
            small = await page.js(
                "[...document.querySelectorAll('button, select')].filter(e => e.offsetHeight && "
                "(e.offsetHeight < 44 || e.offsetWidth < 44)).length"
            )
            assert small == 0


def test_three_readers_and_a_server_that_is_killed_then_adjudication_and_training(
    tmp_path: Path, small: list[str]
) -> None:
    table, out, port = cohort(tmp_path), tmp_path / "review", 18000 + os.getpid() % 2000
    words = ("readers=[anna,ben,chen]", f"manifest={table}", f"out={out}", f"port={port}")
    with served(*words) as server:
        asyncio.run(three_readers(server, tmp_path))
        told = server.stop()
    assert "60 readings (0 undone)" in told
    readings = pd.read_csv(out / "readings.csv", dtype=str, keep_default_na=False)
    assert readings.groupby("reader")["image"].nunique().to_dict() == {"anna": 20, "ben": 20, "chen": 20}
    assert len(readings) == 60
    seconds = readings["seconds"].astype(float)
    assert (seconds >= 0).all()
    assert (seconds > 0).mean() > 0.8  # a script may answer within the 5 ms that are rounded to none
    assert readings.loc[readings["reader"] == "chen", "grade"].eq("moderate").all()
    second = tmp_path / "second"
    words = ("readers=[panel]", "mode=adjudicate", f"of={out}", f"out={second}", f"port={port}")
    with served(*words) as server:
        asyncio.run(adjudicated(server, tmp_path))
        server.stop()
    manifest = pd.read_csv(second / "manifest.csv", dtype=str)
    assert len(manifest) == 20
    assert {"adjudicated"} <= set(manifest["consensus_by"]) <= {"adjudicated", "all agree"}
    words = [*TINY, "data=manifest", f"data.manifest={second / 'manifest.csv'}", f"data.root={tmp_path}"]
    start = [word for word in small if not word.startswith(("data=", "data.manifest", "data.root"))]
    train(*words, *start, f"hydra.run.dir={tmp_path / 'run'}", outputs=tmp_path)
    assert (tmp_path / "run" / "finished.json").is_file()


async def adjudicated(server: Served, folder: Path) -> None:
    async with opened(folder / "browser_panel") as page:
        await page.go(server.links["panel"])
        await page.until(READY)
        assert await page.js("document.querySelector('#shown').innerText.includes('Reader A')")
        await read_all(page, "123", finger=False)


@pytest.mark.parametrize("grades", [("other", "constructor", "of"), ("next", "toString", "sheet")])
def test_an_image_that_is_not_shown_is_not_graded_and_a_grade_may_have_any_name(
    tmp_path: Path, grades: tuple[str, str, str]
) -> None:
    table, out = cohort(tmp_path), tmp_path / "review"
    words = ("readers=[anna]", f"manifest={table}", f"out={out}", "port=0")
    with served(*words, f"data.classes=[{','.join(grades)}]") as server:
        store = Store(out / "review.db")
        (tmp_path / store.images[store.tasks("anna")[1]]["image"]).unlink()
        asyncio.run(not_shown(server, tmp_path, grades))
        server.stop()
    readings = pd.read_csv(out / "readings.csv", dtype=str, keep_default_na=False)
    assert readings["grade"].tolist() == [grades[0], "", grades[2]]
    assert readings["excluded"].tolist() == ["", "ungradable", ""]
    assert float(readings["seconds"][1]) == 0  # it was never seen


async def not_shown(server: Served, folder: Path, grades: tuple[str, str, str]) -> None:
    async with opened(folder / "browser") as page:
        await page.go(server.links["anna"])
        await page.until(READY)
        named = await page.js("[...document.querySelectorAll('#choices button')].map(e => e.lastChild.data)")
        assert named == [*grades, "cannot be graded"]
        await page.key("1")
        await page.key(" ")
        gone = "the file of this image is no longer there; tell who runs the review"
        await page.until(f"document.querySelector('#cover').textContent === {gone!r}")
        for key in ("p", "p", "1", " ", "3"):  # it stays covered after a pause, and no grade can be chosen
            await page.key(key)
        assert await page.js("document.querySelector('#cover').textContent") == gone
        told = await page.js("document.querySelector('#message').textContent")
        assert told == "This image is not shown, so it can neither be graded nor kept"
        for key in (" ", "4", " "):
            await page.key(key)
        await page.until(f"{READY} && document.querySelector('#progress').textContent === '3 of 20'")
        await page.key("3")
        await page.key(" ")
        await page.until("document.querySelector('#progress').textContent === '4 of 20'")


def test_a_page_stores_nothing_in_the_review_that_runs_next_at_its_address(tmp_path: Path) -> None:
    table, port = cohort(tmp_path), 24000 + os.getpid() % 2000
    first, second = (
        ("readers=[anna]", f"manifest={table}", f"out={tmp_path / name}", f"port={port}") for name in "ab"
    )
    asyncio.run(next_review(first, second, tmp_path))
    assert [len(Store(tmp_path / name / "review.db").readings()) for name in "ab"] == [1, 0]


async def next_review(first: tuple[str, ...], second: tuple[str, ...], folder: Path) -> None:
    async with opened(folder / "browser") as page:
        with served(*first) as server:
            await page.go(server.links["anna"])
            await page.until(READY)
            await page.key("1")
            await page.key(" ")
            await page.until(f"{READY} && document.querySelector('#progress').textContent === '2 of 20'")
        with served(*second) as server:
            sent = json.dumps({"token": server.links["anna"].partition("#")[2]})
            kind = {"content-type": "application/json"}
            posted = json.dumps({"method": "POST", "headers": kind, "body": sent})
            assert (
                await page.js(f"fetch('/session', {posted}).then(a => a.status)") == 200
            )  # as in another tab
            await page.key("1")
            await page.key(" ")
            refused = "this page is of another review; open the link of the one that runs now"
            await page.until(f"document.querySelector('#message').textContent === {refused!r}")


def test_a_page_that_is_left_alone_waits(tmp_path: Path) -> None:
    """Paused time is not counted, a comment can hold keys and tags, and a reading is taken back."""
    table, out, port = cohort(tmp_path), tmp_path / "review", 20000 + os.getpid() % 2000
    with served("readers=[anna]", f"manifest={table}", f"out={out}", f"port={port}") as server:
        asyncio.run(left_alone(server, tmp_path))
        server.stop()
    first, second = pd.read_csv(out / "readings.csv", dtype=str, keep_default_na=False).to_dict("records")
    assert first["undone"] == "true"
    assert first["comment"] == "12 u<img src=x onerror=alert(1)>"
    assert float(first["seconds"]) < 2
    assert (first["image"], second["grade"], second["confidence"]) == (second["image"], "well", "4")


async def left_alone(server: Served, folder: Path) -> None:
    async with opened(folder / "browser") as page:
        started = time.monotonic()
        await page.go(server.links["anna"])
        await page.until(READY)
        await page.key("p")
        await asyncio.sleep(3)
        await page.key("2")  # nothing is chosen while it is paused
        await page.key("p")
        await page.key(" ")
        assert await page.js("document.querySelector('#progress').textContent") == "1 of 20"
        await page.key("1")
        await page.js("document.querySelector('textarea').focus()")
        await page.call("Input.insertText", text="12 u<img src=x onerror=alert(1)>")
        await page.js("document.activeElement.blur()")
        await page.key(" ")
        await page.until("document.querySelector('#progress').textContent === '2 of 20'")
        assert time.monotonic() - started > 3
        await page.until(READY)
        await page.key("u")
        await page.until("document.querySelector('#progress').textContent === '1 of 20'")
        await page.until(READY)
        await page.key("3")
        await page.tap("#confidence button:nth-child(4)")
        assert await page.js("document.querySelector('#choices button:nth-child(3)').ariaPressed") == "true"
        await page.tap("#next")
        await page.until("document.querySelector('#progress').textContent === '2 of 20'")
        assert page.errors == []
