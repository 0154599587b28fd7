"""The server of the page, request by request."""

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from livergrade.reading.export_readings import export_readings
from tests.conftest import telling, write_slide
from tests.reading.client import ask, options, reading, started, write_images

from livergrade.reading.app import FILES, PAGE, REVIEW_HEADER  # isort: skip


def test_a_reader_reads_all_images_and_goes_back_once(tmp_path: Path) -> None:
    store, app, cookies = started(tmp_path)
    cookie = cookies["anna"]
    for place in range(4):
        told = ask(app, "/state", cookie=cookie).json
        assert (told["place"], told["done"], told["total"], told["mpp"]) == (place, place, 4, 0.5)
        assert ask(app, f"/image/{place}", cookie=cookie).body[:4] == b"\x89PNG"
        sent = reading(place, place, "well", confidence=2, comment="=1+1")
        for _ in range(2):  # the first answer was lost
            assert ask(app, "/reading", sent, cookie=cookie).status == 200
    assert ask(app, "/undo", {"id": "f" * 32, "reading": told_last(app, cookie)}, cookie=cookie).status == 200
    assert ask(app, "/state", cookie=cookie).json["place"] == 3
    assert ask(app, "/reading", reading(9, 3, "poor"), cookie=cookie).status == 200
    assert ask(app, "/state", cookie=cookie).json["place"] is None
    assert ask(app, "/state", cookie=cookies["ben"]).json["done"] == 0
    assert [row["undone"] for row in store.readings()] == [0, 0, 0, 1, 0]


def test_a_slide_is_sent_in_tiles_to_its_reader_alone(tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    (tmp_path / "slides").mkdir()
    for name in ("s1.tif", "s2.tif"):
        write_slide(tmp_path / "slides" / name)
    store, app, cookies = started(tmp_path, options(tmp_path / "slides"))
    told = ask(app, "/state", cookie=cookies["anna"]).json
    assert (told["slides"], told["mpp"]) == (True, 0.5)
    size = ask(app, "/slide/0", cookie=cookies["anna"])
    assert (size.json["width"], size.json["height"]) == (1024, 768)
    assert b"s1" not in size.body
    tile = ask(app, "/tile/1/10/0/0", cookie=cookies["anna"])
    assert (tile.status, tile.body[:2]) == (200, b"\xff\xd8")
    for path in ("/slide/0", "/tile/0/0/0/0"):
        assert ask(app, path).status == 401
        assert ask(app, path, cookie="livergrade_review=guess").status == 401
    for path in ("/tile/2/0/0/0", "/tile/0/0/../0", "/tile/0/0/0/-1", "/tile/s1.tif/0/0/0", "/slide/2"):
        assert ask(app, path, cookie=cookies["anna"]).status == 404
    assert ask(app, "/tile/0/99999999999999999999/0/0", cookie=cookies["anna"]).status == 409
    ask(app, "/reading", reading(1, 0, "well"), cookie=cookies["anna"])
    export_readings(store, tmp_path / "review")
    manifest = pd.read_csv(tmp_path / "review" / "manifest.csv", dtype=str)
    assert manifest["slide"].tolist() == [store.images[store.tasks("anna")[0]]["image"]]
    assert manifest[["grade", "mpp"]].to_numpy().tolist() == [["well", "0.5"]]


def test_images_have_no_tiles(tmp_path: Path) -> None:
    _, app, cookies = started(tmp_path)
    assert ask(app, "/tile/0/0/0/0", cookie=cookies["anna"]).json == {"error": "there is no such slide"}


def told_last(app: object, cookie: str) -> str:
    return str(ask(app, "/state", cookie=cookie).json["last"])


def test_nothing_that_would_unblind_is_sent(tmp_path: Path) -> None:
    _, app, cookies = started(tmp_path)
    answers = [ask(app, "/state", cookie=cookies["anna"]), ask(app, "/image/0", cookie=cookies["anna"])]
    for answer in answers:
        told = answer.body + json.dumps(answer.headers).encode()
        assert not re.search(rb"i\d\.png|P\d\b|sha256|ben", told)


def test_a_link_works_once_and_its_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path) -> None:
    _, app, _ = started(tmp_path)
    again = ask(app, "/session", {"token": "token-anna"})
    assert (again.status, "\n" in again.json["error"]) == (403, False)
    for wrong in ({"token": "guess"}, {"token": 1}, {}):
        assert ask(app, "/session", wrong).status in (400, 403)
    from livergrade.reading.app import Server
    from livergrade.reading.begin import begin

    store = begin(options(None), tmp_path / "review")
    for secure in (False, True):
        server = Server(store, {"t": "anna"}, secure=secure).app(["127.0.0.1:8765"])
        scheme = {"origin": f"http{'s' * secure}://127.0.0.1:8765"}
        cookie = ask(server, "/session", {"token": "t"}, headers=scheme).headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert ("secure" in cookie) == secure


def test_without_a_session_or_with_a_made_up_one_nothing_is_shown(tmp_path: Path) -> None:
    _, app, cookies = started(tmp_path)
    for cookie in ("", "livergrade_review=guess", cookies["anna"][:-1]):
        for path, sent in (("/state", None), ("/image/0", None), ("/reading", reading(1, 0)), ("/undo", {})):
            assert ask(app, path, sent, cookie=cookie).status == 401


def test_a_reader_cannot_read_or_undo_as_another_one(tmp_path: Path) -> None:
    store, app, cookies = started(tmp_path)
    ask(app, "/reading", reading(1, 0), cookie=cookies["anna"])
    assert ask(app, "/reading", reading(2, 0, reader="anna"), cookie=cookies["ben"]).status == 409
    assert ask(app, "/reading", reading(1, 0), cookie=cookies["ben"]).status == 409
    taken = ask(app, "/undo", {"id": "e" * 32, "reading": f"{1:032x}"}, cookie=cookies["ben"])
    assert (taken.status, taken.json) == (409, {"error": "there is no such reading to be undone"})
    assert [row["reader"] for row in store.readings()] == ["anna"]


@pytest.mark.parametrize(
    "path",
    telling(
        [
            "/image/../../etc/passwd",
            "/image/%2e%2e%2fimages.csv",
            "/image/i0.png",
            "/image/-1",
            "/image/4",
            "/image/99999999999999999999999999",
            "/../app.py",
            "/page/review.html",
            "/words.json/..",
            "//etc/passwd",
            "/review.db",
        ],
        fast=(0, 1, 5, 9),
    ),
)
def test_files_are_reached_by_their_number_alone(tmp_path: Path, path: str) -> None:
    _, app, cookies = started(tmp_path)
    answer = ask(app, path, cookie=cookies["anna"])
    assert answer.status == 404
    assert "\n" not in answer.json["error"]


def test_a_full_disk_is_told_and_the_reading_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    store, app, cookies = started(tmp_path)

    def full(*given: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_insert", full)
        assert ask(app, "/reading", reading(1, 0), cookie=cookies["anna"]).status == 503
    assert ask(app, "/reading", reading(1, 0), cookie=cookies["anna"]).status == 200
    assert len(store.readings()) == 1


def test_a_page_of_another_review_at_this_address_stores_nothing_here(tmp_path: Path) -> None:
    reviews = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        reviews.append(started(tmp_path / name))
    (_, first, cookies), (store, second, others) = reviews
    names = {cookie["anna"].partition("=")[0] for cookie in (cookies, others)}
    assert len(names) == 2  # a browser keeps both, whatever the port
    both = f"{cookies['anna']}; {others['anna']}"
    ids = [ask(app, "/state", cookie=both).json["review"] for app in (first, second)]
    assert ids[0] != ids[1]
    refused = {"error": "this page is of another review; open the link of the one that runs now"}
    for path, sent in (
        ("/reading", reading(1, 0)),
        ("/undo", {"id": "e" * 32, "reading": "f" * 32}),
        ("/state", None),
    ):
        stale = ask(second, path, sent, cookie=both, headers={REVIEW_HEADER: ids[0]})
        assert (stale.status, stale.json) == (409, refused)
    assert store.readings() == []
    own = ask(second, "/reading", reading(1, 0), cookie=both, headers={REVIEW_HEADER: ids[1]})
    assert (own.status, len(store.readings())) == (200, 1)


def test_sessions_outlive_the_server(tmp_path: Path) -> None:
    store, _, cookies = started(tmp_path)
    store.close()
    _, app, _ = started_again(tmp_path)
    assert ask(app, "/state", cookie=cookies["ben"]).json["reader"] == "ben"


def started_again(folder: Path) -> tuple[object, object, object]:
    return started(folder, options(None))


def test_the_page_has_no_inline_script_and_needs_nothing_from_elsewhere() -> None:
    for name, _ in FILES.values():
        text = (PAGE / name).read_text("utf-8")
        wrong = r"https?:|innerHTML|insertAdjacent|document\.write|eval\(|\son\w+=|style="
        assert not re.search(wrong, text), name
    html = (PAGE / "review.html").read_text("utf-8")
    own = {"/review.css", "/picture.js", "/slide.js", "/sheet.js", "/review.js"}
    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) == own


def test_all_languages_have_all_words_and_every_word_of_the_page_is_there() -> None:
    from livergrade.reading.answers import REASONS

    words = json.loads((PAGE / "words.json").read_text("utf-8"))
    assert list(words) == ["en", "de", "zh"]
    assert words["en"].keys() == words["de"].keys() == words["zh"].keys()
    scripts = [(PAGE / name).read_text("utf-8") for name, kind in FILES.values() if "javascript" in kind]
    used = set(re.findall(r'word\("(\w+)"', "".join(scripts)))
    answers = {*REASONS, "keep", "ungradable", "poor", "moderate", "well"}
    assert all(of["answers"].keys() == answers for of in words.values())
    assert used <= words["en"].keys()
    assert not re.search(
        r"\bword\((\w+\.)*(grade|choice|excluded|predicted|recorded)( *\?\?|\))", "".join(scripts)
    )
    for name, text in words["en"].items():
        if name == "answers":
            continue
        for other in ("de", "zh"):
            assert set(re.findall(r"\{\w+\}", words[other][name])) == set(re.findall(r"\{\w+\}", text)), name


def test_adjudication_shows_the_answers_without_names(tmp_path: Path) -> None:
    store, app, cookies = started(tmp_path)
    for reader, choice in (("anna", "poor"), ("ben", "well")):
        for place, image in enumerate(store.tasks(reader)):
            sent = reading(100 * len(reader) + place, place, choice if image == 2 else "moderate")
            ask(app, "/reading", sent, cookie=cookies[reader])
    store.close()
    folder = tmp_path / "second"
    folder.mkdir()
    config = options(None, ("panel",), mode="adjudicate", of=str(tmp_path / "review"))
    second, app, cookies = started(folder, config)
    told = ask(app, "/state", cookie=cookies["panel"]).json
    assert (told["total"], [one["grade"] for one in told["shown"]]) == (1, ["poor", "well"])
    assert "anna" not in json.dumps(told)
    ask(app, "/reading", reading(999, 0, "well"), cookie=cookies["panel"])
    assert [row["mode"] for row in second.readings()] == ["read"] * 8 + ["adjudicate"]


def confirming(folder: Path) -> tuple[object, object, dict[str, str]]:
    """A review in which four images, of two patients and with grades, are confirmed."""
    table = write_images(folder)
    cells = pd.read_csv(table).assign(
        grade=["poor", "well", "poor", "well"], patient=["P10", "P10", "P2", "P2"]
    )
    cells.to_csv(table, index=False)
    return started(folder, options(table, mode="confirm"))


def test_the_contact_sheet_has_all_images_with_what_is_known(tmp_path: Path) -> None:
    _, app, cookies = confirming(tmp_path)
    told = ask(app, "/sheet", cookie=cookies["anna"]).json
    assert [one["patient"] for one in told["images"]] == ["P2", "P2", "P10", "P10"]
    assert [one["grade"] for one in told["images"]] == ["poor", "well"] * 2
    assert {one["choice"] for one in told["images"]} == {None}
    for one in told["images"]:
        state = ask(app, f"/state/{one['place']}", cookie=cookies["anna"]).json
        assert state["known"] == {key: one[key] for key in ("patient", "grade", "choice")}
        picture = ask(app, f"/small/{one['place']}", cookie=cookies["anna"])
        assert (picture.status, picture.body[:2]) == (200, b"\xff\xd8")
    for path in ("/sheet", "/small/0", "/state/0"):
        assert ask(app, path).status == 401
    for path in ("/small/4", "/state/4"):
        assert ask(app, path, cookie=cookies["anna"]).status == 404


def test_several_images_are_decided_at_once_and_taken_back_at_once(tmp_path: Path) -> None:
    store, app, cookies = confirming(tmp_path)
    cookie = cookies["anna"]

    def decide(number: int, places: list[int], choice: str | None) -> int:
        sent = {"id": f"{number:032x}", "places": places, "choice": choice}
        sent["excluded"] = choice not in ("keep", None)
        return ask(app, "/decision", sent, cookie=cookie).status

    def decided() -> dict[int, str]:
        images = ask(app, "/sheet", cookie=cookie).json["images"]
        return {one["place"]: one["choice"] for one in images if one["choice"]}

    for _ in range(2):  # the first answer was lost
        assert decide(1 << 80, [0, 1, 2], "artefact") == 200
    assert len(store.readings()) == 3
    assert decide(2 << 80, [2, 3], "keep") == 200
    assert decided() == {0: "artefact", 1: "artefact", 2: "keep", 3: "keep"}
    last = ask(app, "/sheet", cookie=cookie).json["last"]
    assert ask(app, "/undo", {"id": "d" * 32, "reading": last}, cookie=cookie).status == 200
    assert decided() == {0: "artefact", 1: "artefact", 2: "artefact"}  # what was decided before holds again
    for _ in range(2):
        assert decide(3 << 80, [1, 2, 3], None) == 200
    assert decided() == {0: "artefact"}
    assert ask(app, "/sheet", cookie=cookie).json["last"] == f"{3 << 80:032x}"
    assert told_last(app, cookie) == f"{3 << 80:032x}"
    assert ask(app, "/sheet", cookie=cookies["ben"]).json["images"][0]["choice"] is None
    for places, choice in (
        *(([], "keep"), ([0, 0], "keep"), ([4], "keep"), ([0, 4], "keep"), ([0], "poor")),
        *(([4], None), ([0, 0], None)),
    ):
        assert decide(4 << 80, places, choice) == 409
    assert decided() == {0: "artefact"}
    export_readings(store, tmp_path / "review")
    excluded = pd.read_csv(tmp_path / "review" / "exclusions.csv", dtype=str)
    assert excluded["reason"].tolist() == ["artefact"]


def test_without_confirming_there_is_no_contact_sheet_that_would_unblind(tmp_path: Path) -> None:
    store, app, cookies = started(tmp_path)
    sent = {"id": f"{1:032x}", "places": [0], "choice": "poor", "excluded": False}
    for answer in (
        ask(app, "/sheet", cookie=cookies["anna"]),
        ask(app, "/decision", sent, cookie=cookies["anna"]),
    ):
        assert (answer.status, answer.json) == (
            409,
            {"error": "there is no contact sheet but in mode=confirm"},
        )
    assert ask(app, "/state/0", cookie=cookies["anna"]).json["known"] is None
    assert store.readings() == []


def test_a_slide_has_a_small_picture(tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    (tmp_path / "slides").mkdir()
    write_slide(tmp_path / "slides" / "s1.tif")
    _, app, cookies = started(tmp_path, options(tmp_path / "slides", mode="confirm"))
    small = Image.open(io.BytesIO(ask(app, "/small/0", cookie=cookies["anna"]).body))
    assert small.size == (320, 240)


def test_a_table_of_the_wrong_kind_is_not_begun(tmp_path: Path) -> None:
    from livergrade.errors import UserError

    table = write_images(tmp_path)
    with pytest.raises(UserError, match="name one reader twice"):
        started(tmp_path, options(table, ("Anna", "anna")))
