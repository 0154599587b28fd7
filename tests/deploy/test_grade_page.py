"""The page that grades in a browser, as far as it can be tried without one; its scripts run in Node.js."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from livergrade.config.schema import ExportConfig
from livergrade.deploy import grade_page
from livergrade.deploy.answer_rules import answer_rules
from livergrade.deploy.grade_page import MODULE, PARTS, RUNTIME, WASM, page_runtime, write_page
from livergrade.errors import UserError
from livergrade.io.images import square_of
from tests.conftest import GRADES
from tests.deploy.test_answer_rules import SCORES, answers_of
from tests.deploy.test_bundle import GRADER

FACTS: dict[str, Any] = {"embedded": True, "note": "</script><script>alert(1)</script>&<!--"}
CONTENT = {MODULE: b"export const env = 1;", WASM: bytes(range(256))}
WORDS = json.loads((PARTS / "words.json").read_text("utf-8"))
node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


class Elements(HTMLParser):
    """The elements of a page: name, attributes, text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = tag, attributes, text + data

    def named(self, name: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, text) for tag, attributes, text in self.found if tag == name]


def written(folder: Path, facts: dict[str, Any]) -> Elements:
    (folder / "model.onnx").write_bytes(b"network")
    write_page(folder / "grade.html", folder / "model.onnx", facts, CONTENT)
    return Elements((folder / "grade.html").read_text("utf-8"))


def test_the_page_holds_all_that_it_needs_and_may_load_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grade_page, "CHUNK", 6)
    page = written(tmp_path, FACTS)
    for _, attributes, _ in page.found:
        assert not {"src", "href", "action", "srcset", "onclick", "style"} & attributes.keys()
    [policy] = [text["content"] for text, _ in page.named("meta") if "http-equiv" in text]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    [(_, style)] = page.named("style")
    *data, (attributes, script) = page.named("script")
    assert attributes == {}
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert rules["script-src"] == f"'sha256-{hashes[0]}' data: 'wasm-unsafe-eval'"
    assert rules["style-src"] == f"'sha256-{hashes[1]}'"
    assert all(
        attributes["type"] in ("application/json", "application/octet-stream") for attributes, _ in data
    )
    parts: dict[str | None, bytes] = {}
    for attributes, text in data:
        if name := attributes.get("data-part"):
            parts[name] = parts.get(name, b"") + base64.b64decode(text)
    assert parts == {"module": CONTENT[MODULE], "wasm": CONTENT[WASM], "model": b"network"}
    [facts] = [text for attributes, text in data if attributes.get("id") == "facts"]
    assert json.loads(facts) == FACTS


def test_a_page_without_the_network_asks_for_it(tmp_path: Path) -> None:
    page = written(tmp_path, FACTS | {"embedded": False})
    assert {attributes.get("data-part") for attributes, _ in page.named("script")} == {None, "module", "wasm"}


def test_the_words_are_complete_in_each_language_and_used() -> None:
    first = WORDS["en"]
    for language, own in WORDS.items():
        assert own.keys() == first.keys(), language
        for name, text in own.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", first[name])), name
    sources = [*grade_page.SCRIPTS, PARTS / "grade.html", Path(grade_page.__file__)]
    code = "".join(path.read_text("utf-8") for path in sources)
    used = set(re.findall(r"[\"']([a-z_0-9]+)[\"']|\b(fact_\w+|language|fit|map):", code))
    assert first.keys() <= {one or other for one, other in used} | {"language", "fit", "map"}
    asked = re.findall(r"(?:word|say|Refusal)\(\"(\w+)\"|data-word=\"(\w+)\"", code)
    assert {one or other for one, other in asked} <= first.keys()


def test_another_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.tgz").write_bytes(b"other")
    with pytest.raises(UserError, match=f"(?s)is not the {RUNTIME.title}.*page_runtime"):
        page_runtime(ExportConfig(page=True, page_runtime=str(tmp_path / "other.tgz")))


def in_node(folder: Path, script: str, *files: str) -> Any:
    """The value of an expression in Node.js, after these scripts of the page."""
    code = "\n".join((PARTS / f"{name}.js").read_text("utf-8") for name in files)
    told = f"(async () => process.stdout.write(JSON.stringify({script})))();"
    (folder / "code.js").write_text(f"{code}\n{told}", "utf-8")
    done = subprocess.run(["node", "code.js"], cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)


@node
def test_the_square_is_that_of_pillow(tmp_path: Path) -> None:
    rng, expected = np.random.default_rng(0), []
    cases = [(90, 70, 60), (60, 60, 60), (16, 300, 51), (400, 97, 32), (276, 615, 73), (40, 44, 103)]
    for number, (width, height, side) in enumerate(cases):
        pixels = rng.integers(0, 2, (height, width, 4), np.uint8) * 255
        pixels[: height // 2, :, :3] //= rng.integers(1, 9, (height // 2, width, 3), np.uint8)
        (tmp_path / str(number)).write_bytes(pixels.tobytes())
        expected.append(square_of(Image.fromarray(pixels[..., :3].copy()), side))
    first = json.dumps(grade_page.shrinks_columns_first())
    script = (
        f"{json.dumps(cases)}.map(([width, height, side], number) => "
        f"[...centralSquare(require('fs').readFileSync(String(number)), width, height, side, {first})])"
    )
    for found, square in zip(in_node(tmp_path, script, "pixels"), expected, strict=True):
        assert found == square.flatten().tolist()


@node
def test_a_box_of_a_slide_is_reduced_as_pillow_does(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 310, 4), np.uint8)
    (tmp_path / "pixels").write_bytes(pixels.tobytes())
    boxes = [
        (3.25, 4.5, 290.75, 291.0, 51),
        (0, 0, 60, 60, 60),
        (10.125, 2, 70.5, 62.375, 103),
        (2, 3, 298, 299, 19),
    ]
    script = (
        f"{json.dumps(boxes)}.map(([left, top, right, below, side]) => [...reducedTo(whole(require('fs')"
        ".readFileSync('pixels'), 310, 300), [left, top, right, below], [side, side], "
        "[0, 0, side, side], false)])"
    )
    picture = Image.fromarray(pixels[..., :3].copy())
    for found, (*box, side) in zip(in_node(tmp_path, script, "pixels"), boxes, strict=True):
        reduced = picture.resize((side, side), Image.Resampling.BICUBIC, box=tuple(box), reducing_gap=3.0)
        assert found == np.asarray(reduced).flatten().tolist()


@node
@pytest.mark.parametrize("abstain", [None, 0.5])
def test_the_answers_are_those_of_predict(tmp_path: Path, abstain: float | None) -> None:
    answers = answers_of(SCORES, abstain=abstain)
    rules = answer_rules(GRADER, answers)  # type: ignore[arg-type]
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), (40, 2))
    distances = np.linspace(4, 5, 40)
    given = json.dumps(
        [[*zip(probabilities.reshape(40, -1).tolist(), distances.tolist(), strict=True)], rules]
    )
    script = f"(([images, rules]) => images.map(([views, far]) => answered(views, far, rules)))({given})"
    table = pd.DataFrame(probabilities.mean(1), columns=[f"p_{grade}" for grade in GRADES])
    table["predicted"] = np.array(GRADES)[probabilities.mean(1).argmax(1)]
    table["unlike"] = (distances > GRADER.limit).astype(float)
    expected = answers(table, "image")
    found = pd.DataFrame(in_node(tmp_path, script, "answers"))
    for column in ("predicted", "set", "answer", "unlike"):
        assert found[column].tolist() == expected[column].tolist(), column
    assert expected["answer"].nunique() > 2
    best = probabilities.mean(1).argmax(1)
    spread = [views[:, place].std() for views, place in zip(probabilities, best, strict=True)]
    np.testing.assert_allclose(found["spread"], spread, atol=1e-12)


@node
def test_the_table_is_written_as_python_writes_it(tmp_path: Path) -> None:
    numbers = [0.0, 1.0, 1 / 3, 1e-5, 1.5e-7, 12345.6789, 123456789.0, 1234567890.0, -2.5, 176.924108]
    assert in_node(tmp_path, f"{numbers}.map(nineDigits)", "answers") == [f"{n:.9g}" for n in numbers]
    rows = [{"image": "=a,b.png", "p": 0.5, "unlike": None}, {"image": 'x"y.png', "p": 1, "unlike": 0}]
    told = in_node(tmp_path, f"csv({json.dumps(rows)})", "answers")
    assert told == 'image,p,unlike\n"./=a,b.png",0.5,\n"x""y.png",1,0\n'


def encoded(kind: str, picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more part behind its header."""
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return png[:33] + len(body).to_bytes(4, "big") + kind + body + checksum + png[33:]


def files() -> Sequence[tuple[bytes, str, str | None]]:
    """Content, ``data.icc`` of the run, and the word of the refusal; None: it is read."""
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    png, jpeg, webp = encoded("PNG", rgb), encoded("JPEG", rgb), encoded("WEBP", rgb)
    turned = Image.Exif()
    turned[0x112] = 6
    profile = {"icc_profile": b"profile" * 20}
    damaged = bytearray(png)
    damaged[-20] ^= 1
    note = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    xmp = jpeg[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + jpeg[2:]
    return [
        *((content, "apply", None) for content in (png, jpeg, webp, encoded("BMP", rgb))),
        (encoded("JPEG", rgb, exif=turned, progressive=True), "apply", None),
        (b"", "ignore", "empty"),
        (bytes(600), "ignore", "zeros"),
        (b"hello", "ignore", "foreign"),
        (encoded("TIFF", rgb), "ignore", "tiff"),
        (png[:-30], "ignore", "cut"),
        (jpeg[:-30], "ignore", "cut"),
        (webp[:-30], "ignore", "cut"),
        (bytes(damaged), "ignore", "checksum"),
        (png[:24] + b"\x10" + png[25:], "ignore", "deep"),
        (encoded("JPEG", rgb.convert("CMYK")), "ignore", "cmyk"),
        (encoded("BMP", rgb.convert("P")), "ignore", "bmp"),
        (encoded("PNG", rgb.crop((0, 0, 30, 15))), "ignore", "small"),
        (encoded("PNG", Image.new("1", (9000, 8000))), "ignore", "large"),
        (encoded("PNG", rgb, save_all=True, append_images=[rgb.rotate(90)]), "ignore", "pages"),
        (encoded("PNG", rgb, exif=turned), "ignore", "turned"),
        (encoded("WEBP", rgb, exif=turned), "ignore", "turned"),
        (xmp, "ignore", "turned"),
        *((encoded(kind, rgb, **profile), "apply", "profile") for kind in ("PNG", "JPEG", "WEBP")),
        *((encoded(kind, rgb, **profile), "ignore", None) for kind in ("PNG", "JPEG", "WEBP")),
        (with_chunk(png, b"gAMA", (100_000).to_bytes(4, "big")), "apply", "gamma"),
        (with_chunk(png, b"gAMA", (45_455).to_bytes(4, "big")), "apply", None),
    ]


@node
def test_a_file_that_a_browser_would_read_otherwise_is_refused(tmp_path: Path) -> None:
    given = [(base64.b64encode(content).decode(), icc) for content, icc, _ in files()]
    script = (
        f"{json.dumps(given)}.map(([content, icc]) => {{ try {{ refuseFile(Uint8Array.from("
        "Buffer.from(content, 'base64')), icc); return null; } "
        "catch (error) { return error.word ?? String(error); } })"
    )
    words = [word for _, _, word in files()]
    assert in_node(tmp_path, script, "files") == words
    assert {word for word in words if word} <= WORDS["en"].keys()


def jpeg_tiles(**options: Any) -> bytes:
    """A TIFF of tiles, which says the size of its pixels unless that is taken away."""
    file = io.BytesIO()
    given = {"compression": "jpeg", "photometric": "ycbcr", "resolution": (5000, 5000), "resolutionunit": 3}
    pixels = np.zeros((100, 150, 3), np.uint8)
    tifffile.imwrite(file, pixels, tile=(64, 64), metadata=None, **given | options)
    return file.getvalue()


@node
def test_a_slide_that_no_browser_reads_is_refused(tmp_path: Path) -> None:
    whole = jpeg_tiles()
    cases = [
        (whole, "ignore", None),
        (jpeg_tiles(bigtiff=True), "ignore", None),
        (jpeg_tiles(iccprofile=b"profile"), "apply", "profile"),
        (jpeg_tiles(resolution=(1, 1), resolutionunit=1), "ignore", "no_mpp"),
        (jpeg_tiles(compression="deflate", photometric="rgb"), "ignore", "tiff"),
        (jpeg_tiles(compression="jpeg2000", photometric="rgb"), "ignore", "jpeg2000"),
        (whole[:60], "ignore", "cut"),
        (whole[:4] + b"\xff\xff\xff\x7f" + whole[8:], "ignore", "cut"),
    ]
    given = [(base64.b64encode(content).decode(), icc) for content, icc, _ in cases]
    script = (
        f"await Promise.all({json.dumps(given)}.map(([content, icc]) => Slide.open(new Blob([Buffer.from("
        "content, 'base64')]), icc).then((slide) => slide.mpp, (error) => error.word ?? String(error))))"
    )
    told = in_node(tmp_path, script, "files", "slides")
    assert told == [word or pytest.approx(2.0) for _, _, word in cases]
