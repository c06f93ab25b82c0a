from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import hub as local
import pytest
from hub import FILES, LARGE, MODEL, SMALL, Hub, contents
from huggingface_hub import close_session

from orchestrator import fetch, files
from orchestrator.catalogue import Model, seen
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.events import Event, ModelHere, Note, Working
from orchestrator.fetch import download, progress
from orchestrator.fetch.hub import HubError
from orchestrator.settings import Settings

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user and to mount")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local.running(monkeypatch) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def get(settings: Settings, model: Model = MODEL, renew: bool = False) -> list[Event]:
    return list(fetch.get(model, settings, renew=renew))


def fetching(events: list[Event]) -> list[Working]:
    """Return the events that count bytes."""
    return [each for each in events if isinstance(each, Working) and each.total]


def notes(events: list[Event]) -> list[str]:
    return [each.text for each in events if isinstance(each, Note)]


def whole(settings: Settings) -> bool:
    return contents(settings) == {"on/unet.onnx": LARGE, "on/model.json": SMALL}


def nothing_stands(settings: Settings) -> bool:
    """Return whether no unverified file has its final name, in the model or among the gathered files."""
    gathered = [path for path in (settings.models / ".boat.part").rglob("*") if path.is_file()]
    final = [path for path in gathered if path.suffix != files.PART]
    sound = all(path.read_bytes() in FILES.values() for path in final)
    return sound and not (settings.models / "boat").exists()


def test_a_model_arrives_whole_and_is_recorded(hub: Hub, settings: Settings) -> None:
    happened = get(settings)
    assert happened[0] == Note(text="boat is licensed under mit, which restricts nothing", hint="https://example.org")
    assert happened[-1] == ModelHere(name="boat", path=settings.models / "boat")
    assert whole(settings)
    record = seen.Seen.read(settings.models, "boat")
    assert record
    assert (record.repository, record.commit) == ("harbour/boat", local.commit_of(FILES))
    assert record.licence == "mit https://example.org"
    assert {(each.path, each.size, each.sha256) for each in record.files} == {
        ("on/unet.onnx", len(LARGE), hashlib.sha256(LARGE).hexdigest()),
        ("on/model.json", len(SMALL), hashlib.sha256(SMALL).hexdigest()),
    }
    assert {path.name for path in settings.models.iterdir()} == {"boat", "boat.json", ".boat.lock"}


def test_the_licence_s_restrictions_are_shown_before_the_first_byte(hub: Hub, settings: Settings) -> None:
    coming = fetch.get(MODEL, settings)
    assert notes([next(coming)]) == ["boat is licensed under mit, which restricts nothing"]
    assert hub.asked == []


def test_a_model_that_is_here_is_not_fetched_again(
    hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(settings)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # no server listens there
    assert get(settings) == [ModelHere(name="boat", path=settings.models / "boat")]


def test_progress_ends_at_the_whole(hub: Hub, settings: Settings) -> None:
    happened = fetching(get(settings))
    total = len(LARGE) + len(SMALL)
    assert (happened[-1].done, happened[-1].total) == (total, total)
    assert [each.done for each in happened] == sorted(each.done for each in happened)
    assert {each.what for each in happened} == {"boat on/unet.onnx", "boat on/model.json"}


def test_a_slow_hub_gives_a_rate_and_the_time_left(hub: Hub, settings: Settings) -> None:
    hub.block_pause = 0.012  # 49 blocks
    later = [each for each in fetching(get(settings)) if each.rate]
    assert len(later) >= 3
    assert all(0 < each.rate < 1e6 and each.seconds_left is not None for each in later)


def test_progress_is_no_more_frequent_than_a_person_can_read(
    hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TELL_SECONDS", float("inf"))
    hub.block_pause = 0.001
    assert len(fetching(get(settings))) == 2  # the first, and the whole


def test_a_file_longer_than_listed_is_not_read_to_its_end(
    hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TELL_SECONDS", 0.0)
    hub.served["on/unet.onnx"] = LARGE * 100
    happened: list[Event] = []
    with pytest.raises(HubError):
        happened.extend(fetch.get(MODEL, settings))
    assert len(LARGE) < max(each.done for each in fetching(happened)) < 2 * len(LARGE)


def test_a_download_cut_at_every_tenth_resumes(hub: Hub, settings: Settings) -> None:
    tenth = len(LARGE) // 10
    hub.cuts = [tenth] * 9
    get(settings)
    assert whole(settings)
    starts = [int(each.rpartition("@")[2]) for each in hub.asked if each.startswith("on/unet")]
    assert starts == [tenth * number for number in range(10)]


@pytest.mark.parametrize("tenth", range(10))
def test_a_run_that_ended_at_any_tenth_is_resumed(
    hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch, tenth: int
) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    start = len(LARGE) * tenth // 10
    hub.cuts = [start, 0]
    with pytest.raises(HubError):
        get(settings)
    assert nothing_stands(settings)
    hub.asked.clear()
    hub.cuts.clear()
    get(settings)
    assert whole(settings)
    assert f"on/unet.onnx@{start}" in hub.asked


def test_a_hub_without_ranges_starts_again(hub: Hub, settings: Settings) -> None:
    hub.ranges = False
    hub.cuts = [5000]
    get(settings)
    assert whole(settings)


def test_stopping_the_iteration_stops_the_work_and_keeps_what_was_painted(hub: Hub, settings: Settings) -> None:
    hub.block_pause = 0.005
    coming = fetch.get(MODEL, settings)
    assert any(isinstance(event, Working) and event.done for event in coming)
    cast(Generator[Event], coming).close()
    part = settings.models / ".boat.part/fetched/on/unet.onnx.part"
    assert 0 < part.stat().st_size < len(LARGE)
    get(settings)
    assert whole(settings)


@pytest.mark.parametrize("path", ["on/unet.onnx", "on/model.json"])
@pytest.mark.parametrize("fault", ["other bytes", "short", "long"])
def test_wrong_bytes_never_get_their_final_name(hub: Hub, settings: Settings, path: str, fault: str) -> None:
    right = FILES[path]
    hub.served[path] = {"other bytes": right[:-1] + b"!", "short": right[:-3], "long": right + b"more"}[fault]
    with pytest.raises(HubError) as caught:
        get(settings)
    assert caught.value.hint
    assert nothing_stands(settings)
    del hub.served[path]
    get(settings)
    assert whole(settings)


def test_a_beginning_of_other_bytes_is_discarded(hub: Hub, settings: Settings) -> None:
    part = settings.models / ".boat.part/fetched/on/unet.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of an older file")
    get(settings)
    assert whole(settings)


def test_a_gathered_file_is_checked_again(hub: Hub, settings: Settings) -> None:
    gathered = settings.models / ".boat.part/fetched/on/unet.onnx"
    gathered.parent.mkdir(parents=True)
    gathered.write_bytes(bytes(len(LARGE)))
    get(settings)
    assert whole(settings)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (404, {"X-Error-Code": "EntryNotFound"}, "has no"),
        (401, {"X-Error-Code": "RepoNotFound"}, "not give"),
        (401, {"X-Error-Code": "GatedRepo"}, "not give"),
        (403, {}, "not give"),
        (418, {}, "status 418"),
    ],
)
def test_a_refusal_is_one_line_and_a_hint(
    hub: Hub, settings: Settings, status: int, headers: dict[str, str], says: str
) -> None:
    hub.statuses = [(status, headers)]
    with pytest.raises(HubError, match=says) as caught:
        get(settings)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert nothing_stands(settings)
    get(settings)
    assert whole(settings)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_refusal_is_tried_again(hub: Hub, settings: Settings, status: int) -> None:
    hub.statuses, hub.listing_statuses = [(status, {})] * 4, [status] * 3
    assert sum("failed" in text or "(status 429)" in text for text in notes(get(settings))) == 7
    assert whole(settings)


def test_the_hub_says_how_long_to_wait(hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    hub.statuses = [(429, {"Retry-After": "7"}), (429, {"Retry-After": "100000"}), (503, {"Retry-After": "soon"})]
    get(settings)
    assert [each for each in waited if each] == [7.0, download.LONGEST_PAUSE]


def test_fetching_stops_when_the_hub_keeps_failing(hub: Hub, settings: Settings) -> None:
    hub.statuses = [(500, {})] * 100
    with pytest.raises(HubError, match="status 500"):
        get(settings)
    assert len(hub.asked) == download.TRIES
    hub.statuses, hub.listing_statuses = [], [500] * download.TRIES
    with pytest.raises(HubError, match="status 500"):
        get(settings)
    assert hub.listing_statuses == []
    get(settings)
    assert whole(settings)


def test_no_network_is_one_clear_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="network failed"):
        get(settings)


def test_a_silent_hub_is_not_waited_for_forever(hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    monkeypatch.setattr(download, "TRIES", 2)
    hub.silence = 0.5
    with pytest.raises(HubError, match="timed out"):
        get(settings)
    hub.silence = 0.0
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 60)
    get(settings)
    assert whole(settings)


def test_offline_fetches_nothing_and_says_why(hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    close_session()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE") as caught:
        get(settings)
    assert caught.value.hint == "unset HF_HUB_OFFLINE"
    assert hub.asked == []


@pytest.mark.parametrize("page", [b"<html>sign in</html>", b"[]", b"{}", b'{"siblings": [{}]}', b'{"siblings": 7}'])
def test_a_sign_in_page_is_not_a_hub(hub: Hub, settings: Settings, page: bytes) -> None:
    hub.page = page
    with pytest.raises(HubError) as caught:
        get(settings)
    assert caught.value.hint
    assert nothing_stands(settings)


@pytest.mark.parametrize("endpoint", ["http://", "nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_an_impossible_endpoint_is_one_clear_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setattr(download, "pause", lambda *_: pytest.fail("this does not pass with time"))
    with pytest.raises(HubError):
        get(settings)


def test_a_proxy_is_used(hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("http_proxy", hub.url)
    close_session()  # a session knows the proxies of the time it was opened
    try:
        get(settings)
    finally:
        close_session()
    assert whole(settings)


def test_the_token_is_accepted_and_sent_nowhere(hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token, hub.gated = "hf_secret", True
    with pytest.raises(HubError, match="not give") as caught:
        get(settings)
    assert "HF_TOKEN" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    get(settings)
    assert whole(settings)
    assert hub.tokens_elsewhere == [None]


def test_a_file_in_the_hubs_cache_is_copied(
    hub: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = local.commit_of(FILES)
    cached = tmp_path / "cache/models--harbour--boat/snapshots" / commit / "on/unet.onnx"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(LARGE)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    get(settings)
    assert whole(settings)
    assert hub.asked == ["on/model.json@0"]


def test_mirrors_are_tried_in_turn(hub: Hub, settings: Settings) -> None:
    hub.repositories["mirror/boat"] = dict(FILES) | {"README.md": b"a mirror"}
    model = replace(MODEL, repository="gone/boat", mirrors=("also/gone", "mirror/boat"))
    happened = get(settings, model)
    assert whole(settings)
    assert sum("trying a mirror" in text for text in notes(happened)) == 2


def test_a_mirror_with_other_bytes_is_refused(hub: Hub, settings: Settings) -> None:
    get(settings)
    list(fetch.remove(MODEL, settings))
    del hub.repositories["harbour/boat"]
    hub.repositories["mirror/boat"] = FILES | {"on/unet.onnx": LARGE[::-1]}
    with pytest.raises(HubError, match="other files"):
        get(settings, replace(MODEL, mirrors=("mirror/boat",)))
    assert nothing_stands(settings)


@pytest.mark.parametrize("path", ["on/unet.onnx", "on/model.json"])
def test_other_files_than_recorded_are_refused(hub: Hub, settings: Settings, path: str) -> None:
    get(settings)
    list(fetch.remove(MODEL, settings))
    record = settings.models / "boat.json"
    before = record.read_text()
    hub.repositories["harbour/boat"][path] = FILES[path][::-1]
    record.write_text(before.replace(local.commit_of(FILES), local.commit_of(hub.repositories["harbour/boat"])))
    with pytest.raises(HubError):
        get(settings)
    assert not (settings.models / "boat").exists()
    get(settings, renew=True)
    assert contents(settings)[path] == FILES[path][::-1]


def test_a_repository_that_moved_on_is_asked_for_the_recorded_commit(hub: Hub, settings: Settings) -> None:
    get(settings)
    list(fetch.remove(MODEL, settings))
    hub.repositories["harbour/boat"]["README.md"] = b"changed"
    with pytest.raises(HubError, match="has no harbour/boat at"):
        get(settings)


@pytest.mark.parametrize("short_names", [True, False])
def test_a_pinned_short_commit_must_match(hub: Hub, settings: Settings, short_names: bool) -> None:
    hub.short_names = short_names
    with pytest.raises(HubError):
        get(settings, replace(MODEL, revision="0000000"))
    get(settings, replace(MODEL, revision=local.commit_of(FILES)[:7]))
    assert whole(settings)


def test_a_published_sha1_is_checked_too(hub: Hub, settings: Settings) -> None:
    model = replace(MODEL, files=("on/unet.onnx",), sha1=hashlib.sha1(LARGE, usedforsecurity=False).hexdigest())
    with pytest.raises(HubError, match="checksum"):
        get(settings, replace(model, sha1="0" * 40))
    assert nothing_stands(settings)
    get(settings, model)
    assert contents(settings) == {"on/unet.onnx": LARGE}


@pytest.mark.parametrize(
    "name", ["on/../../../escape", "/on/etc", "on/a\\b", "on/\x1b[2J", "on/x.part", "on//x", "on/./x"]
)
def test_a_name_that_leaves_its_folder_refuses_the_model(hub: Hub, settings: Settings, name: str) -> None:
    hub.repositories["harbour/boat"][name] = b"evil"
    with pytest.raises(HubError, match="would leave"):
        get(settings, replace(MODEL, files=("*",)))
    assert hub.asked == []
    assert not list(settings.models.parent.rglob("escape*"))


def test_a_repository_without_the_files_is_one_clear_error(hub: Hub, settings: Settings) -> None:
    with pytest.raises(HubError, match=r"has no on/unet.bin"):
        get(settings, replace(MODEL, files=("on/unet.bin",)))


def test_files_left_out_are_not_fetched(hub: Hub, settings: Settings) -> None:
    get(settings, replace(MODEL, files=("*",), without=("*.md", "on/unet*")))
    assert set(contents(settings)) == {"on/model.json"}


def test_a_damaged_model_is_found_and_only_its_damage_fetched(hub: Hub, settings: Settings) -> None:
    get(settings)
    assert isinstance(list(fetch.verify(MODEL, settings))[-1], ModelHere)
    (settings.models / "boat/on/model.json").write_bytes(b"x" * len(SMALL))
    with pytest.raises(AudioToImageError, match="damaged") as caught:
        list(fetch.verify(MODEL, settings))
    assert caught.value.hint == "audio-to-image models get boat"
    hub.asked.clear()
    get(settings)
    assert whole(settings)
    assert hub.asked == ["on/model.json@0"]


def test_removing_leaves_the_record_alone(hub: Hub, settings: Settings) -> None:
    get(settings)
    list(fetch.remove(MODEL, settings))
    assert {path.name for path in settings.models.iterdir()} == {"boat.json", ".boat.lock"}
    for verb in (fetch.remove, fetch.verify):
        with pytest.raises(ModelMissing):
            list(verb(MODEL, settings))


def test_a_folder_that_was_not_fetched_is_left_alone(hub: Hub, settings: Settings) -> None:
    mine = settings.models / "boat/mine.bin"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(AudioToImageError, match="in the way"):
        get(settings)
    assert mine.read_bytes() == b"mine"


def test_a_broken_record_is_one_clear_error_and_can_be_renewed(hub: Hub, settings: Settings) -> None:
    get(settings)
    (settings.models / "boat.json").write_text('{"name": 7')
    with pytest.raises(AudioToImageError, match="not a record") as caught:
        get(settings)
    assert "--renew" in caught.value.hint
    get(settings, renew=True)
    assert whole(settings)


def test_fetched_files_can_be_converted(hub: Hub, settings: Settings) -> None:
    def make(fetched: Path, made: Path) -> Iterator[str]:
        yield "turning it round"
        made.mkdir()
        (made / "turned.bin").write_bytes((fetched / "on/unet.onnx").read_bytes()[::-1])

    list(fetch.get(MODEL, settings, make=make))
    assert contents(settings) == {"turned.bin": LARGE[::-1]}
    record = seen.Seen.read(settings.models, "boat")
    assert record
    assert (len(record.fetched), len(record.files)) == (2, 1)
    list(fetch.verify(MODEL, settings))


def test_a_failed_conversion_keeps_the_fetched_files(hub: Hub, settings: Settings) -> None:
    def fail(fetched: Path, made: Path) -> Iterator[str]:
        made.mkdir()
        (made / "half.bin").write_bytes(b"half")
        yield "half done"
        raise AudioToImageError("it could not be made")

    with pytest.raises(AudioToImageError, match="could not be made"):
        list(fetch.get(MODEL, settings, make=fail))
    hub.asked.clear()
    get(settings)
    assert whole(settings)
    assert hub.asked == []


def test_the_demo_models_are_not_fetched(settings: Settings) -> None:
    with pytest.raises(Misuse, match="comes with the program"):
        get(settings, Model(name="demo-speech", kind="speech"))


CHILD = """
import sys
from pathlib import Path
from typing import cast
sys.path.insert(0, sys.argv[2])
from hub import MODEL
from orchestrator import fetch
from orchestrator.settings import Settings
from orchestrator.errors import AudioToImageError
try:
    for event in fetch.get(MODEL, Settings(data=Path(sys.argv[1]))):
        print(event, flush=True)
except AudioToImageError as error:
    print("ERROR", error, "|", error.hint)
"""


def child(settings: Settings, *before: str) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-c", CHILD, str(settings.data), str(Path(__file__).parent)]
    patient = os.environ | {"HF_HUB_DOWNLOAD_TIMEOUT": "60"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=patient)


def until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    assert any(word in line for line in process.stdout)


def test_two_processes_fetch_one_model_once(hub: Hub, settings: Settings) -> None:
    hub.hold_after = 4096
    first = child(settings)
    until(first, "Working")
    second = child(settings)
    until(second, "another process")
    hub.go.set()
    for process in (first, second):
        output, _ = process.communicate(timeout=60)
        assert "ModelHere" in output
    assert len(hub.asked) == 2
    assert whole(settings)


def test_kill_9_leaves_nothing_under_a_final_name(hub: Hub, settings: Settings) -> None:
    hub.hold_after = 100_000
    killed = child(settings)
    until(killed, "Working")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    hub.go.set()
    assert nothing_stands(settings)
    get(settings)
    assert whole(settings)


@needs_root
def test_a_folder_without_write_permission_is_one_clear_error(hub: Hub, settings: Settings, tmp_path: Path) -> None:
    settings.models.mkdir(parents=True)
    for parent in (settings.models, *settings.models.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    output, _ = child(settings, *nobody).communicate(timeout=60)
    assert "ERROR not allowed to write" in output
    assert not list(settings.models.iterdir())


@needs_root
@pytest.mark.parametrize("room", ["256k", "100k"])
def test_a_full_disk_is_one_clear_error(
    hub: Hub, settings: Settings, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.models.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", settings.models], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        if room == "256k":  # enough at the start, then taken by another file
            (settings.models / "other").write_bytes(bytes(150_000))
            monkeypatch.setattr(fetch, "_check_space", lambda *_: None)
        with pytest.raises(AudioToImageError, match="disk is") as caught:
            get(settings)
        assert caught.value.hint
        assert nothing_stands(settings)
        assert (hub.asked == []) is (room == "100k")
        (settings.models / "other").unlink(missing_ok=True)
        if room == "256k":
            get(settings)
            assert whole(settings)
    finally:
        subprocess.run(["umount", settings.models], check=True)
