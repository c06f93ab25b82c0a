"""The studio's page in real Chromium, with a real `serve`, the demo models, few steps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PHONE, Visitor, browser, expect, visit, voice
from conftest import DEMO
from microphone import SOURCE, Microphone, microphone
from playwright.sync_api import Route
from serving import Server, serve

from orchestrator import picture as png
from orchestrator.gallery import Gallery
from orchestrator.recipe import Recipe

__all__ = ["browser", "microphone", "serve", "visit", "voice"]  # fixtures

Visit = Callable[..., Visitor]
THINGS = ("house", "tree", "castle", "rocket", "sailboat")
SAILBOAT = DEMO / "recordings" / "01.wav"  # paint a red sailboat on the sea at sunset
HOSTILE = "<img src=x onerror=console.error(1)> " + "Donaudampfschifffahrtsgesellschaft " * 4
PLAIN = Recipe(
    prompt="", seed=1, steps=3, guidance=3.0, sampler="euler", spacing="trailing", width=64, height=64,
    model="demo-picture", engine="onnx", compute_unit="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for most of these tests, with small pictures of half a month in its gallery."""
    home = tmp_path_factory.mktemp("home")
    made(home / "data" / "gallery", [f"a {THINGS[number % 5]} number {number}" for number in range(120)])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": home, "AUDIO_TO_IMAGE_DATA": home / "data", "OMP_NUM_THREADS": 1}.items():
            patch.setenv(name, str(value))
        server = Server()
    yield server.warm()
    server.end()


@pytest.fixture
def studio(running: Server, visit: Visit) -> Visitor:
    """A visitor with the page of the running server open."""
    return visit(running.url)


def made(folder: Path, prompts: list[str]) -> None:
    """Put small pictures into a gallery, three hours apart, the first one the newest."""
    folder.mkdir(parents=True)
    for number, prompt in enumerate(prompts):
        when = datetime.now(UTC) - number * timedelta(hours=3)
        recipe = replace(PLAIN, prompt=prompt, id=f"{number:010d}", made=when.isoformat(timespec="microseconds"))
        pixels = np.full((64, 64, 3), number * 5 % 255, np.uint8)
        png.write_png(folder / f"{when:%Y%m%d-%H%M%S-%f}-{recipe.id}.png", pixels, recipe)
    Gallery(folder).rebuild()


def recipe_of(server: Server, picture: str) -> dict[str, Any]:
    return server.ask("GET", f"/v1/gallery/{picture}").json()


# Talking


def test_words_appear_during_speech_and_become_a_picture(studio: Visitor, running: Server) -> None:
    studio.says(SAILBOAT)
    studio.at("#mic").hover()
    studio.page.mouse.down()
    expect(studio.at("#now")).to_have_text("Speak now")
    expect(studio.at("#words")).to_contain_text("red sailboat")
    expect(studio.at("#mic")).to_have_attribute("aria-pressed", "true")
    studio.page.mouse.up()
    studio.has_picture()
    picture = recipe_of(running, studio.shown())
    assert "red sailboat" in picture["transcript"]
    expect(studio.at("#shown")).to_have_attribute("alt", picture["prompt"])
    assert [each["do"] for each in studio.sent] == ["listen", "stop"]


def test_a_screen_reader_s_press_listens_until_silence_and_announces_the_result(studio: Visitor) -> None:
    studio.page.evaluate(
        "loudest = 0; new MutationObserver(() => loudest = Math.max(loudest, +meter.getAttribute('aria-valuenow')))"
        ".observe(meter = document.getElementById('meter'), {attributes: true});"
        "said = []; new MutationObserver(() => said.push(live.lastChild.textContent))"
        ".observe(live = document.getElementById('live'), {childList: true})"
    )
    studio.says(SAILBOAT)
    studio.at("#mic").dispatch_event("click")  # no pointer made it
    expect(studio.at("#live")).to_contain_text("The picture is painted: paint a red sailboat on the sea at sunset")
    said = [each for each in studio.page.evaluate("said") if each]
    assert said.index("Speak now") < said.index("Heard: paint a red sailboat on the sea at sunset")
    assert sum(each.startswith("Heard") for each in said) == 1  # not while one speaks: the microphone would hear it
    assert studio.page.evaluate("loudest") > 30
    assert studio.at("#meter").get_attribute("aria-valuenow") == "0"
    assert [each["do"] for each in studio.sent] == ["listen"]


def test_words_can_be_edited_before_they_are_painted(studio: Visitor, running: Server) -> None:
    studio.says(SAILBOAT)
    studio.button("Check the words before painting").click()
    studio.at("#mic").click()
    words = studio.at("#confirm-words")
    expect(words).to_be_focused()
    expect(words).to_have_value("paint a red sailboat on the sea at sunset")
    words.fill("a blue sailboat on the sea at night")
    studio.page.keyboard.press("Enter")
    studio.has_picture()
    assert recipe_of(running, studio.shown())["prompt"] == "a blue sailboat on the sea at night"


def test_a_sentence_can_change_the_picture_before_it(studio: Visitor, running: Server) -> None:
    first = studio.paints("a red house by the sea at noon")
    studio.button("Change it").click()
    expect(studio.at("#changing")).to_contain_text("a red house")
    studio.writes("make it night")
    expect(studio.at("#words")).to_have_text("a red house by the sea at night")
    studio.has_picture()
    changed = recipe_of(running, studio.shown())
    assert (changed["parent"], changed["prompt"]) == (first, "a red house by the sea at night")
    expect(studio.at("#changing")).to_contain_text("night")  # goes on from there
    studio.button("Stop changing this picture").click()
    assert not recipe_of(running, studio.paints("a green tree"))["parent"]


def test_spoken_words_are_painted_from_the_picture_being_changed(studio: Visitor, running: Server) -> None:
    first = studio.paints("a red house")
    studio.button("Change it").click()
    studio.says(SAILBOAT)
    studio.at("#mic").click()
    expect(studio.at("#words")).to_contain_text("sailboat")
    studio.has_picture()
    assert recipe_of(running, studio.shown())["parent"] == first


def test_escape_stops_a_sentence_and_the_next_one_may_come(studio: Visitor, running: Server) -> None:
    studio.says(SAILBOAT)
    for _ in range(2):
        studio.at("#mic").click()
        expect(studio.at("#now")).to_have_text("Speak now")
        studio.page.keyboard.press("Escape")
        expect(studio.at("#now")).to_have_text("")
        expect(studio.at("#mic")).to_have_attribute("aria-pressed", "false")
    expect(studio.at("#live")).to_contain_text("Stopped. Nothing was kept.")
    assert not studio.at("#notes .error").count()
    running.until(lambda: running.status()["jobs"]["running"] == 0)


def test_sound_of_another_rate_is_understood(running: Server, visit: Visit) -> None:
    # Firefox cannot join its microphone to a context of 16 kHz: the page takes one of the device's own rate.
    script = (
        "const join = AudioContext.prototype.createMediaStreamSource;"
        "AudioContext.prototype.createMediaStreamSource = function (stream) {"
        " if (this.sampleRate === 16000) throw new DOMException('rates'); return join.call(this, stream); }"
    )
    visitor = visit(running.url, script=script)
    visitor.says(SAILBOAT)
    visitor.at("#mic").click()
    expect(visitor.at("#live")).to_contain_text("Heard: paint a red sailboat on the sea at sunset")
    visitor.has_picture()


def test_silence_is_one_clear_line(studio: Visitor, silence: Path) -> None:
    studio.says(silence, after=0.1)
    studio.at("#mic").click()
    expect(studio.at("#now")).to_have_text("Speak now")
    studio.at("#mic").click()
    expect(studio.at("#notes .error")).to_contain_text("no speech heard")
    expect(studio.at("#notes .error code")).to_have_text("audio-to-image devices")
    expect(studio.at("#mic")).to_be_focused()


def test_without_a_browser_microphone_the_page_uses_the_server_s_and_says_so(
    microphone: Microphone, serve: Callable[..., Server], visit: Visit
) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    visitor = visit(serve(device=SOURCE).url, script=refuse)
    visitor.at("#mic").click()
    expect(visitor.at("#notes")).to_contain_text("the machine that serves this page")
    expect(visitor.at("#mic-hint")).to_contain_text("the server's microphone")
    visitor.at("#mic").click()
    expect(visitor.at("#now")).to_contain_text("the server's microphone")
    microphone.play(SAILBOAT)
    expect(visitor.at("#words")).to_contain_text("sailboat")
    visitor.has_picture()
    assert [each["microphone"] for each in visitor.sent if each["do"] == "listen"] == ["server"]


def test_a_browser_without_a_microphone_uses_the_server_s_from_the_start(running: Server, visit: Visit) -> None:
    visitor = visit(running.url, script="Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    expect(visitor.at("#mic-hint")).to_contain_text("the server's microphone")


# Painting


def test_painting_shows_its_steps_and_a_preview_and_can_be_stopped(running: Server, visit: Visit) -> None:
    visitor = visit(running.url, options={"steps": "300"})
    visitor.writes("a red dragonfly")
    expect(visitor.at("#now")).to_contain_text(re.compile(r"Step \d+ of 300"))
    expect(visitor.at("#preview")).to_be_visible()
    assert (visitor.at("#preview").get_attribute("src") or "").startswith("data:image/png")
    assert float(visitor.at("#progress").get_attribute("value") or 0) > 0
    visitor.button("Cancel").click()
    expect(visitor.at("#mic")).to_be_visible()
    expect(visitor.at("#preview")).to_be_hidden()
    assert "a red dragonfly" not in running.ask("GET", "/v1/gallery").text
    running.until(lambda: running.status()["jobs"]["running"] == 0)


def test_the_panel_s_settings_are_used_and_survive_a_reload(running: Server, visit: Visit) -> None:
    visitor = visit(running.url, options={})
    expect(visitor.at("#status-text")).to_have_text(re.compile("Ready|Loading|Asleep|Working"))
    visitor.button("How to paint").click()
    for name, value in {"Steps": "2", "Guidance": "1.5", "Seed": "7", "Leave out": "clouds"}.items():
        visitor.page.get_by_label(name, exact=True).fill(value)
    visitor.page.get_by_label("Sampler").select_option("euler")
    visitor.at(
        ".segments span",
    ).get_by_text("2", exact=True).click()
    visitor.button("Done").click()
    expect(visitor.at("#options")).to_be_focused()
    picture = recipe_of(running, visitor.paints("a red house"))
    seen = [picture[name] for name in ("steps", "guidance", "seed", "negative", "sampler")]
    assert seen == [2, 1.5, 8, "clouds", "euler"]  # picture 2 of 2
    expect(visitor.at("#batch li")).to_have_count(2)
    visitor.at("#batch button").first.click()
    assert recipe_of(running, visitor.shown())["seed"] == 7
    visitor.page.reload()
    visitor.button("How to paint").click()
    expect(visitor.page.get_by_label("Seed")).to_have_value("7")


def test_a_picture_s_page_shows_how_it_was_made_and_paints_it_again(studio: Visitor, running: Server) -> None:
    with studio.page.expect_response("**/v1/pictures"):
        first = studio.paints("a red house")
    studio.at("#shown-link").click()
    expect(studio.page.get_by_role("heading", name="a red house")).to_be_focused()
    expect(studio.at("#picture dl")).to_contain_text("demo-picture")
    expect(studio.at("#picture .legend")).to_contain_text("painting")
    studio.button("Again").click()
    studio.has_picture()
    expect(studio.at("#shown-link")).not_to_have_attribute("href", f"#/picture/{first}")
    before, again = recipe_of(running, first), recipe_of(running, studio.shown())
    assert (again["prompt"], again["steps"]) == (before["prompt"], before["steps"])
    assert again["seed"] != before["seed"]

    studio.page.goto(f"{running.url}/#/picture/{first}")
    studio.button("Repaint").click()
    expect(studio.at("#notes")).to_contain_text("the same pixels")
    studio.has_picture()
    assert recipe_of(running, studio.shown())["pixels"] == before["pixels"]


def test_a_picture_s_page_shows_the_transcript_and_what_was_removed(running: Server, visit: Visit) -> None:
    sound = {"file": ("said.wav", SAILBOAT.read_bytes(), "audio/wav")}
    (picture,) = running.ask("POST", "/v1/pictures", files=sound, data={"steps": "2"}).json()["pictures"]
    told = json.dumps(picture | {"transcript": "(coughs) a red house", "removed": ["(coughs)"]})
    visitor = visit(running.url)
    visitor.page.route(f"**/v1/gallery/{picture['id']}", lambda route: route.fulfill(body=told))
    visitor.page.goto(f"{running.url}/#/picture/{picture['id']}")
    expect(visitor.at("blockquote")).to_have_text("(coughs) a red house")
    expect(visitor.at("#picture del")).to_have_text("(coughs)")
    expect(visitor.at("#picture .legend")).to_contain_text("hearing")


# The gallery


def test_the_gallery_loads_more_while_scrolling_and_searches_while_typing(running: Server, visit: Visit) -> None:
    visitor = visit(f"{running.url}/#/gallery", viewport=PHONE)
    tiles, search = visitor.at(".tile"), visitor.page.get_by_role("searchbox")
    expect(visitor.at(".day").nth(1)).to_be_visible()
    search.press_sequentially("numb")
    expect(visitor.at("#found")).to_contain_text("“numb”")
    assert tiles.count() < 120
    for _ in range(12):
        visitor.page.mouse.wheel(0, 20_000)
        visitor.page.wait_for_timeout(50)
    expect(tiles).to_have_count(120)
    prompts = [text.rpartition(" ")[2] for text in tiles.all_text_contents()]
    assert prompts == [str(number) for number in range(120)]
    days = visitor.at(".day h2").all_text_contents()
    assert len(set(days)) == len(days) >= 15
    assert "Yesterday" in days

    search.fill("cast num")
    expect(visitor.at("#found")).to_have_text("24 found for “cast num”")
    search.fill("unicorn")
    expect(visitor.at("#nothing")).to_contain_text("unicorn")
    search.fill("")
    expect(visitor.at(".day").nth(1)).to_be_visible()


def test_a_removed_picture_is_gone_and_undo_brings_it_back(running: Server, visit: Visit) -> None:
    visitor = visit(f"{running.url}/#/gallery")
    visitor.page.get_by_role("searchbox").fill("rocket num")
    expect(visitor.at("#found")).to_contain_text("24 found")
    visitor.page.get_by_role("link", name="a rocket number 8", exact=True).click()
    expect(visitor.at("#picture h1")).to_be_focused()
    visitor.page.keyboard.press("ArrowRight")
    expect(visitor.at("#picture h1")).to_have_text("a rocket number 13")
    visitor.page.keyboard.press("ArrowLeft")
    expect(visitor.at("#picture h1")).to_have_text("a rocket number 8")
    visitor.button("Remove").click()
    expect(visitor.at(".tile")).to_have_count(23)
    assert running.ask("GET", "/v1/gallery/0000000008").status_code == 404
    visitor.button("Undo").click()
    expect(visitor.at("#picture h1")).to_have_text("a rocket number 8")
    visitor.page.get_by_role("link", name="Gallery").click()
    expect(visitor.at(".tile")).to_have_count(24)
    assert visitor.at(".tile").nth(1).text_content() == "a rocket number 8"


def test_a_download_is_the_picture_with_its_recipe_or_bare(running: Server, visit: Visit) -> None:
    visitor = visit(f"{running.url}/#/picture/0000000003")
    for name, whole in {"Download": True, "Download without the recipe": False}.items():
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("link", name=name, exact=True).click()
        assert (png.read_png(download.value.path()) is not None) == whole
        assert download.value.suggested_filename.endswith("0000000003.png")


# Everyone


def test_demo_mode_fills_the_screen_and_the_space_bar_talks(studio: Visitor) -> None:
    visitor = studio
    visitor.says(SAILBOAT)
    visitor.button("Demo mode").click()
    expect(visitor.at("#wall img")).to_have_count(12)
    assert visitor.page.evaluate("document.fullscreenElement === document.documentElement")
    expect(visitor.at("#bar")).to_be_hidden()
    visitor.page.keyboard.down("Space")
    expect(visitor.at("#words")).to_contain_text("sailboat")
    visitor.page.keyboard.up("Space")
    visitor.has_picture()
    expect(visitor.at("#wall a").first).to_have_attribute("href", f"#/picture/{visitor.shown()}")
    visitor.page.keyboard.press("Escape")
    expect(visitor.at("#bar")).to_be_visible()
    assert not visitor.page.evaluate("document.fullscreenElement")


FOCUSED = """() => {
  const focused = document.querySelector(":focus");
  return focused ? [focused.ariaLabel || focused.innerText, getComputedStyle(focused).outlineStyle] : ["", ""];
}"""


def test_everything_can_be_done_from_the_keyboard(studio: Visitor) -> None:
    keyboard, focused = studio.page.keyboard, studio.page.locator(":focus")

    def tab_to(name: str) -> None:
        for _ in range(40):
            keyboard.press("Tab")
            called, outline = studio.page.evaluate(FOCUSED)
            if name in called:
                assert outline != "none"
                return
        raise AssertionError(f"{name} cannot be reached")

    keyboard.press("Tab")
    expect(focused).to_have_text("Skip to the content")
    keyboard.press("Enter")
    tab_to("Or type")
    keyboard.type("a red house")
    keyboard.press("Enter")
    studio.has_picture()
    tab_to("How to paint")
    keyboard.press("Enter")
    expect(studio.at("#panel")).to_be_visible()
    keyboard.press("Escape")
    expect(studio.at("#options")).to_be_focused()
    studio.says(SAILBOAT)
    studio.page.evaluate("document.activeElement.blur()")
    keyboard.press("Space")  # a short press begins
    expect(studio.at("#words")).to_contain_text("sailboat")
    keyboard.press("Space")  # the next one ends
    studio.has_picture()
    tab_to("Details")
    keyboard.press("Enter")
    tab_to("Remove")
    keyboard.press("Enter")
    expect(studio.button("Undo")).to_be_focused()
    keyboard.press("Enter")
    expect(studio.at("#picture h1")).to_be_focused()
    tab_to("Change it")
    keyboard.press("Enter")
    expect(studio.at("#typed-words")).to_be_focused()


@pytest.mark.parametrize(("theme", "rules"), [("light", ()), ("dark", ("color-contrast",))])
def test_no_view_shuts_anyone_out(theme: str, rules: tuple[str, ...], running: Server, visit: Visit) -> None:
    visitor = visit("about:blank", color_scheme=theme, reduced_motion="reduce", host=running.url)
    page = visitor.page

    def is_open_to_all() -> None:
        assert not visitor.barriers(*rules), page.url

    page.route("**/v1/gallery?*", lambda route: route.fulfill(json={"pictures": [], "next": None}), times=1)
    page.goto(running.url)
    expect(visitor.at("#examples")).to_be_visible()
    is_open_to_all()  # nothing painted yet
    visitor.paints("a red dragon")
    expect(visitor.at("#notes")).to_contain_text("dragon")
    is_open_to_all()
    for opener in ("How to paint", "Engines: "):
        page.get_by_role("button", name=opener).click()
        is_open_to_all()
        page.keyboard.press("Escape")
    visitor.button("Change it").click()
    is_open_to_all()
    for view in ("gallery", "picture/0000000003", "demo"):
        page.goto(f"{running.url}/#/{view}")
        expect(visitor.at("img:visible").first).to_be_visible()
        is_open_to_all()
    page.goto(f"{running.url}/#/")
    visitor.button("Check the words before painting").click()
    visitor.says(SAILBOAT)
    visitor.at("#mic").click()
    expect(visitor.at("#confirm-words")).to_be_focused()
    is_open_to_all()
    page.keyboard.press("Escape")
    expect(visitor.at("#mic")).to_be_visible()


def test_the_colours_follow_the_system_until_the_user_chooses(running: Server, visit: Visit) -> None:
    visitor = visit(running.url, color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = visitor.page.evaluate(colour)
    visitor.button("Colours: as in the system").click()
    light = visitor.page.evaluate(colour)
    visitor.page.reload()
    assert visitor.page.evaluate(colour) == light != dark
    visitor.button("Colours: light").click()
    assert visitor.page.evaluate(colour) == dark


def test_nothing_is_wider_than_the_screen_nor_too_small_for_a_thumb(studio: Visitor, running: Server) -> None:
    studio.page.route("**/v1/gallery*", _with_long_words)
    studio.page.reload()
    studio.button("Change it").click()
    for width, height in ((320, 568), (390, 844), (768, 1024), (1440, 900), (2560, 1200)):
        studio.page.set_viewport_size({"width": width, "height": height})
        for view in ("", "gallery", "picture/0000000003", "demo"):
            studio.page.goto(f"{running.url}/#/{view}")
            studio.page.wait_for_timeout(60)
            assert studio.too_wide() <= 0, (width, view)
            small = studio.page.evaluate(
                "[...document.querySelectorAll('a, button, input, select')].filter((each) => each.checkVisibility() &&"
                " !each.closest('.skip, dd')).map((each) => [each.getBoundingClientRect(), each.outerHTML])"
                ".filter(([box]) => box.width < 40 || box.height < 40).map(([, html]) => html)"
            )
            assert not small, (width, view)
            assert view or studio.at("#mic").evaluate("(mic) => mic.getBoundingClientRect().bottom <= innerHeight")
    studio.page.unroute_all(behavior="wait")


def _with_long_words(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json=json.loads(answer.text().replace("number", HOSTILE)))


# Trouble


def test_the_page_shows_the_engines_and_how_to_replace_a_demo_model(studio: Visitor) -> None:
    expect(studio.at("#status-text")).to_have_text("Ready")
    studio.at("#status").click()
    for name, model in {"Hearing": "demo-speech", "Painting": "demo-picture"}.items():
        engine = studio.at(".engine").filter(has_text=name)
        expect(engine).to_contain_text(model)
        expect(engine).to_contain_text("demo model")
        expect(engine.locator("code")).to_contain_text("audio-to-image models get")


def test_a_stopped_server_is_reported_with_the_command_that_starts_it(
    serve: Callable[..., Server], visit: Visit
) -> None:
    server = serve()
    studio = visit(server.url)
    studio.says(SAILBOAT)
    studio.at("#mic").click()
    expect(studio.at("#now")).to_have_text("Speak now")
    server.kill()
    expect(studio.at("#notes .error")).to_contain_text("connection to the studio was lost")
    studio.writes("a blue house")
    expect(studio.at("#notes .error")).to_contain_text("not responding")
    expect(studio.at(".banner code")).to_have_text("audio-to-image serve")
    expect(studio.at("#status-text")).to_have_text("Not running")
    studio.complaints.clear()  # Chromium tells of each request that failed


def test_lost_jobs_are_shown_once(serve: Callable[..., Server], visit: Visit) -> None:
    server = serve()
    with server.events(json={"prompt": "a red house", "steps": 900}) as events:
        next(each for each in events if each["event"] == "painted")
        server.kill()
    visitor = visit(serve().url)
    notice = visitor.at(".notice")
    expect(notice).to_contain_text("a red house")
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)
    visitor.page.reload()
    expect(visitor.at("#status-text")).to_have_text(re.compile("Ready|Loading|Asleep"))
    expect(notice).to_have_count(0)


def test_a_hidden_page_sends_no_requests(studio: Visitor) -> None:
    expect(studio.at("#status-text")).to_have_text("Ready")
    studio.page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    studio.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    asked: list[str] = []
    studio.page.on("request", lambda request: asked.append(request.url))
    studio.page.wait_for_timeout(4_500)
    assert not asked


def test_all_texts_of_the_page_are_in_strings_js() -> None:
    folder = Path(__file__).parent.parent / "orchestrator" / "studio" / "page"
    html = re.sub(r"<title>.*?</title>|<!--.*?-->|<[^>]*>", "", (folder / "index.html").read_text(), flags=re.DOTALL)
    assert not html.strip()
    sentence = re.compile(r'"[A-Z][a-z]+ [a-z ]+"')
    for path in folder.glob("*.js"):
        if path.name != "strings.js":
            assert not sentence.search(path.read_text()), path.name
        assert len(path.read_text().splitlines()) <= 250
