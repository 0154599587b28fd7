"""A browser without a window, driven through its own debugging protocol: keys, fingers and screenshots."""

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """A tab."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.number, self.errors, self.requests = socket, 0, list[str](), list[str]()

    async def call(self, method: str, **values: object) -> dict[str, Any]:
        self.number += 1
        await self.socket.send_str(json.dumps({"id": self.number, "method": method, "params": values}))
        while True:
            message = json.loads((await self.socket.receive(timeout=30)).data)
            if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.errors.append(json.dumps(message["params"]))
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]

    async def go(self, address: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=address)
        await self.until("location.protocol !== 'about:' && document.readyState === 'complete'")

    async def choose(self, selector: str, files: Sequence[Path]) -> None:
        """Choose files in an input."""
        found = await self.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        names = [str(file) for file in files]
        await self.call("DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=names)

    async def js(self, code: str) -> Any:
        told = await self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, code: str, seconds: float = 20) -> None:
        for _ in range(int(seconds / 0.05)):
            if await self.js(code):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{code}: {await self.js('document.body.innerText')}")

    async def key(self, key: str) -> None:
        text = {"Enter": "\r"}.get(key, key) if len(key) == 1 or key == "Enter" else ""
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def tap(self, selector: str) -> None:
        x, y = await self.js(
            f"(() => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        await self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        await self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def pinch(self, selector: str, apart: tuple[int, int], moved: int = 0) -> None:
        """Two fingers on the middle of an element: from one distance to another, and to the right."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = await self.js(
            f"(() => {{ const b = {box}; return [b.x + b.width / 2, b.y + b.height / 2] }})()"
        )
        for step in range(11):
            half = (apart[0] + (apart[1] - apart[0]) * step / 10) / 2
            at = x + moved * step / 10
            fingers = [{"x": at - half, "y": y, "id": 0}, {"x": at + half, "y": y, "id": 1}]
            kind = "touchMove" if step else "touchStart"
            await self.call("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)
        await self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def size(self, width: int, height: int, *, touch: bool = False, dark: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        await self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)

    async def screenshot(self, path: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def opened(profile: Path) -> AsyncIterator[Page]:
    """A tab of a browser of its own, whose cookies are those of the profile's folder."""
    aiohttp = pytest.importorskip("aiohttp")
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    words = (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "--lang=en", "about:blank"),
    )
    port = profile / "DevToolsActivePort"
    port.unlink(missing_ok=True)
    process = subprocess.Popen([BROWSER, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if port.is_file() and port.read_text().strip():
                break
            await asyncio.sleep(0.05)
        address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{address}/json") as answer:
                tabs = [tab for tab in await answer.json() if tab["type"] == "page"]
            async with session.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.kill()
        process.wait()
