"""The studio over HTTP, as a program meets it: a real server, real engines, few steps."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from serving import Server, serve, served
from terminal import COMMAND

from orchestrator.doctor import check
from orchestrator.settings import load

__all__ = ["serve", "served"]  # fixtures

LONG = {"prompt": "a red house", "steps": 400}


def pictures(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["pictures"]
    return found


def error(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()["error"]
    return found


def upload(path: Path) -> dict[str, Any]:
    return {"file": (path.name, path.read_bytes(), "audio/wav")}


def test_words_become_a_picture_that_is_kept(served: Server) -> None:
    (picture,) = pictures(served.paint(prompt="a red house", seed=7))
    assert (picture["prompt"], picture["seed"], picture["steps"]) == ("a red house", 7, 2)
    image = Image.open(io.BytesIO(served.ask("GET", picture["url"]).content))
    assert image.size == (512, 512)
    assert picture["id"] in served.ask("GET", "/v1/gallery").text
    bare = served.ask("GET", picture["url"] + "?bare=true").content
    assert "audio-to-image" in image.info
    assert not Image.open(io.BytesIO(bare)).info


def test_a_recording_becomes_a_picture_with_every_event_in_order(served: Server, recording: Path) -> None:
    with served.events(files=upload(recording), data={"steps": "2"}) as events:
        told = list(events)
    names = list(dict.fromkeys(each["event"] for each in told))
    assert [name for name in names if name not in ("note", "working")] == [
        "accepted", "queued", "words", "heard", "cleaned", "painted", "kept", "done",
    ]  # fmt: skip
    assert told[-1]["pictures"][0]["transcript"] == "paint a red sailboat on the sea at sunset"
    painted = next(each for each in told if each["event"] == "painted")
    assert painted["preview"].startswith("data:image/png;base64,")
    assert served.job(told[0]["job"])["state"] == "done"
    assert not list((Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "jobs").glob("*.sound")), "what was said stayed behind"


def test_a_picture_is_sent_as_a_file_on_request(served: Server) -> None:
    response = served.ask(
        "POST", "/v1/pictures", json={"prompt": "a tree", "steps": 1}, headers={"Accept": "image/png"}
    )
    assert response.headers["content-type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")


def test_silence_is_a_422_and_no_picture(served: Server, silence: Path) -> None:
    told = error(served.ask("POST", "/v1/pictures", files=upload(silence)), 422)
    assert told["code"] == "no_speech"
    assert served.ask("GET", "/v1/gallery").json()["pictures"] == []


def test_repaint_gives_the_same_pixels_again_a_new_seed_and_refine_the_same_seed(served: Server) -> None:
    (first,) = pictures(served.paint(prompt="a red house by the sea at noon", seed=5))
    pixels = Image.open(io.BytesIO(served.ask("GET", first["url"]).content)).tobytes()
    (same,) = pictures(served.ask("POST", "/v1/pictures", json={"repaint": first["id"]}))
    assert Image.open(io.BytesIO(served.ask("GET", same["url"]).content)).tobytes() == pixels
    (other,) = pictures(served.ask("POST", "/v1/pictures", json={"again": first["id"]}))
    assert (other["prompt"], other["steps"]) == (first["prompt"], 2)
    assert other["seed"] != 5
    (night,) = pictures(served.paint(refine=first["id"], prompt="make it night"))
    assert (night["prompt"], night["seed"], night["parent"]) == ("a red house by the sea at night", 5, first["id"])
    (from_it,) = pictures(served.paint(image=first["id"], prompt="a green tree", strength=0.5))
    assert (from_it["parent"], from_it["strength"]) == (first["id"], 0.5)


def test_the_gallery_is_listed_by_pages_searched_removed_from_and_restored(served: Server) -> None:
    ids = [pictures(served.paint(prompt=prompt, steps=1))[0]["id"] for prompt in ("a tree", "a red car", "a blue car")]
    page = served.ask("GET", "/v1/gallery?limit=2").json()
    assert [each["id"] for each in page["pictures"]] == ids[:0:-1]
    rest = served.ask("GET", f"/v1/gallery?limit=2&before={page['next']}").json()
    assert ([each["id"] for each in rest["pictures"]], rest["next"]) == (ids[:1], None)
    cars = served.ask("GET", "/v1/gallery?search=ca&limit=1").json()
    more = served.ask("GET", f"/v1/gallery?search=ca&before={cars['next']}").json()
    assert [each["id"] for each in cars["pictures"] + more["pictures"]] == ids[:0:-1]
    assert served.ask("DELETE", f"/v1/gallery/{ids[0]}").status_code == 200
    assert error(served.ask("GET", f"/v1/gallery/{ids[0]}"), 404)["code"] == "not_found"
    assert served.ask("POST", f"/v1/gallery/{ids[0]}/restore").json()["prompt"] == "a tree"
    assert served.ask("GET", f"/v1/gallery/{ids[0]}.png").status_code == 200
    refused = error(served.ask("POST", f"/v1/gallery/{ids[0]}/restore"), 404)  # it is not in the trash any more
    assert refused["hint"] == "GET /v1/gallery lists the pictures"  # not the folder's path


@pytest.mark.parametrize(
    ("fields", "status", "names"),
    [
        ({}, 400, "prompt"),
        ({"prompt": ""}, 400, "prompt"),
        ({"prompt": 5}, 400, "prompt"),
        ({"prompt": "x", "stepz": 3}, 400, "stepz"),
        ({"prompt": "x", "steps": "many"}, 400, "steps"),
        ({"prompt": "x", "steps": 0}, 400, "steps"),
        ({"prompt": "x", "count": 1000}, 400, "count"),
        ({"prompt": "x", "sampler": "magic"}, 400, "magic"),
        ({"prompt": "x", "model": "/etc/passwd"}, 404, "/etc/passwd"),
        ({"prompt": "x", "model": "sd-2.1-base"}, 404, "sd-2.1-base"),
        ({"prompt": "x", "image": "../../etc/passwd"}, 400, "passwd"),
        ({"repaint": "0000000000"}, 404, "0000000000"),
        ({"repaint": "0000000000", "prompt": "x"}, 400, "combined"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(one: Server, fields: dict[str, object], status: int, names: str) -> None:
    assert names in error(one.ask("POST", "/v1/pictures", json=fields), status)["message"]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that several tests share."""
    before = os.environ.get("AUDIO_TO_IMAGE_DATA")
    os.environ["AUDIO_TO_IMAGE_DATA"] = str(tmp_path_factory.mktemp("data"))
    server = Server()
    if before is None:
        del os.environ["AUDIO_TO_IMAGE_DATA"]
    else:
        os.environ["AUDIO_TO_IMAGE_DATA"] = before
    yield server
    server.end()


def test_beyond_the_limit_clients_get_429_and_retry_after(serve: Callable[..., Server]) -> None:
    server = serve(queue=1)
    with server.events(json=LONG) as events:
        next(events)
        response = server.paint(prompt="a tree")
        assert error(response, 429)["code"] == "busy"
        assert int(response.headers["retry-after"]) > 0
    server.until(lambda: server.paint(prompt="a tree").status_code == 200)


def test_a_job_that_cannot_be_written_is_not_accepted(serve: Callable[..., Server]) -> None:
    server, jobs = serve(queue=1), Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "jobs"
    shutil.rmtree(jobs)
    assert "cannot write" in error(server.paint(prompt="a tree"), 500)["message"]
    jobs.mkdir()
    assert pictures(server.paint(prompt="a tree"))


def test_a_client_that_leaves_cancels_its_work(served: Server) -> None:
    with served.events(json=LONG) as events:
        job = next(events)["job"]
        assert next(each for each in events if each["event"] == "painted")
    served.until(lambda: served.job(job)["state"] == "failed", 20)
    assert served.job(job)["error"]["code"] == "cancelled"
    assert pictures(served.paint(prompt="a tree"))


def test_waiting_jobs_report_their_position_and_can_be_cancelled(served: Server) -> None:
    with served.events(json=LONG) as first, served.events(json=LONG) as second:
        job = next(first)["job"]
        assert next(each for each in first if each["event"] == "painted")
        assert next(each for each in second if each["event"] == "queued")["position"] == 1
        assert served.ask("DELETE", f"/v1/jobs/{job}").status_code == 200
        assert list(first)[-1]["code"] == "cancelled"
        assert next(each for each in second if each["event"] == "queued")["position"] == 0
        assert next(each for each in second if each["event"] == "painted")


def kill_engines(server: Server) -> None:
    for worker in server.workers():
        worker.kill()


def test_a_picture_whose_engine_is_killed_is_painted_all_the_same(served: Server) -> None:
    fields = {"prompt": "a red house", "seed": 1, "steps": 20}
    (whole,) = pictures(served.warm().paint(**fields))
    with served.events(json=fields) as events:
        next(each for each in events if each["event"] == "painted")
        kill_engines(served)
        told = list(events)
    assert [each["index"] for each in told if each["event"] == "painted"] == list(range(2, 21))
    (again,) = told[-1]["pictures"]
    files = [served.ask("GET", each["url"]).content for each in (whole, again)]
    assert Image.open(io.BytesIO(files[0])).tobytes() == Image.open(io.BytesIO(files[1])).tobytes()


def test_an_engine_that_is_killed_twice_costs_one_job_and_the_next_is_served(served: Server) -> None:
    served.warm()
    with served.events(json=LONG) as events:
        for last in events:
            if last["event"] == "painted":
                kill_engines(served)
    assert (last["event"], last["code"]) == ("failed", "failed")
    assert "died (signal 9)" in last["message"]
    assert pictures(served.paint(prompt="a tree"))


def test_an_engine_killed_while_idle_costs_nothing(served: Server) -> None:
    served.warm()
    for worker in served.workers():
        worker.kill()
    assert pictures(served.paint(prompt="a tree"))


def test_the_next_server_lists_the_jobs_that_a_killed_one_lost(serve: Callable[..., Server], recording: Path) -> None:
    server = serve()
    with server.events(files=upload(recording), data={"steps": "400"}) as events:
        job = next(events)["job"]
        assert next(each for each in events if each["event"] == "painted")
        workers = server.workers()
        server.kill()
    psutil.wait_procs(workers, timeout=60)
    assert not [each for each in workers if each.is_running()], "engines outlived their server"
    server = serve()
    told = server.job(job)
    assert (told["state"], told["pictures"]) == ("lost", [])
    assert "killed" in told["error"]["message"]
    assert server.ask("GET", "/v1/gallery").json()["pictures"] == []
    assert list((Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "jobs").glob(f"{job}.sound")), "what was said is lost"
    assert server.ask("DELETE", f"/v1/jobs/{job}").status_code == 200
    assert server.ask("GET", f"/v1/jobs/{job}").status_code == 404


def test_the_next_server_knows_the_end_of_every_job(serve: Callable[..., Server], silence: Path) -> None:
    server = serve()
    assert error(server.ask("POST", "/v1/pictures", files=upload(silence)), 422)
    (before,) = server.ask("GET", "/v1/jobs").json()["jobs"]
    server.end()
    (after,) = serve().ask("GET", "/v1/jobs").json()["jobs"]
    assert after == before
    assert (after["state"], after["error"]["code"]) == ("failed", "no_speech")


def test_idle_engines_are_unloaded_and_loaded_again_for_work(serve: Callable[..., Server]) -> None:
    server = serve(idle=0.5)
    server.until(lambda: not server.workers() and server.status()["engines"]["picture"]["state"] == "cold")
    assert pictures(server.paint(prompt="a tree"))


def command(*arguments: str) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run the command; return whether it started engines of its own."""
    process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = False
    while process.poll() is None:
        try:
            children = psutil.Process(process.pid).children()
            seen = seen or any("orchestrator.worker" in " ".join(each.cmdline()) for each in children)
        except psutil.Error:
            continue
        time.sleep(0.01)
    out, complaints = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, complaints), seen


def test_other_verbs_use_the_engines_of_a_running_server_and_their_own_without_one(
    serve: Callable[..., Server], recording: Path
) -> None:
    server = serve().warm()
    done, own = command("picture", "--steps", "2", "--seed", "3", str(recording))
    assert (done.returncode, own) == (0, False), done.stderr
    server.kill()
    again, own = command("picture", "--steps", "2", "--seed", "3", str(recording))
    assert (again.returncode, own) == (0, True), again.stderr
    first, second = (Image.open(each.stdout.strip()).tobytes() for each in (done, again))
    assert first == second


def test_a_second_server_names_the_first_and_a_taken_port_suggests_another(serve: Callable[..., Server]) -> None:
    server = serve()
    second = subprocess.run([COMMAND, "serve"], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert server.url in second.stderr
    port = server.url.rsplit(":", 1)[1]
    elsewhere = {**os.environ, "AUDIO_TO_IMAGE_DATA": os.environ["AUDIO_TO_IMAGE_DATA"] + "-other"}
    taken = subprocess.run(
        [COMMAND, "serve", "--port", port], capture_output=True, text=True, check=False, env=elsewhere
    )
    assert taken.returncode == 1
    assert f"audio-to-image serve --port {int(port) + 1}" in taken.stderr


def test_ctrl_c_ends_it_in_peace_even_in_the_middle_of_a_picture(serve: Callable[..., Server]) -> None:
    server = serve()
    with server.events(json=LONG) as events:
        next(each for each in events if each["event"] == "painted")
        workers = server.workers()
        server.process.send_signal(signal.SIGINT)
        list(events)
    code, complaints = server.end()
    assert code == 0, complaints
    assert "Traceback" not in complaints
    psutil.wait_procs(workers, timeout=60)
    assert not [each for each in workers if each.is_running()]


def test_status_describes_engines_choices_and_limits(served: Server) -> None:
    status = served.status()
    assert status["engines"]["picture"]["model"] == "demo-picture"
    assert status["engines"]["picture"]["hint"] == "audio-to-image models get"
    assert "demo-picture" in status["choices"]["models"]
    assert "dpm++2m" in status["choices"]["samplers"]
    assert json.dumps(status)
    assert re.fullmatch(r"[\d.]+", status["version"])


def test_doctor_reports_a_running_server_and_a_taken_port(serve: Callable[..., Server]) -> None:
    server = serve().warm()
    settings = load()
    running = check("studio", settings)
    assert running
    assert server.url in running.text
    server.end()
    free = check("studio", settings)
    assert free
    assert "port 8765 is free" in free.text
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = check("studio", replace(settings, port=port))
    assert taken
    assert (taken.state, taken.hint) == ("warn", f"audio-to-image serve --port {port + 1}")
