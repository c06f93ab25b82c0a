"""An engine in a child process: answers, streams, errors, death, and no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.worker import Elsewhere, Opening
from orchestrator.worker.child import Child


class Counter:
    """A small engine that counts, and can be made to fail in every way an engine fails."""

    def __init__(self, start: int = 0, broken: bool = False) -> None:
        self.start, self.broken = start, broken

    def load(self) -> None:
        if self.broken:
            raise AudioToImageError("the model file is torn", "audio-to-image models get torn")

    def pid(self) -> int:
        return os.getpid()

    def count(self, marks: Path, until: int) -> Iterator[int]:
        for number in range(self.start, until):
            marks.write_text(str(number))
            time.sleep(0.02)
            yield number

    def think(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def refuse(self) -> None:
        raise Misuse("steps is 0", "use --steps 20")

    def crash(self) -> None:
        os.write(2, b"something native went wrong\n")
        os.kill(os.getpid(), signal.SIGSEGV)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    engine = Elsewhere(Opening(name="counting", path="test_worker:Counter", arguments={"start": 3}))
    yield engine
    engine.unload()


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_engine_lives_in_another_process(counter: Elsewhere) -> None:
    assert counter.ask("pid") != os.getpid()


def test_what_a_method_yields_arrives_one_by_one(counter: Elsewhere, tmp_path: Path) -> None:
    assert list(counter.stream("count", tmp_path / "mark", 6)) == [3, 4, 5]


def test_a_question_can_be_begun_and_its_answer_fetched_later(counter: Elsewhere) -> None:
    counter.start()
    begun = time.monotonic()
    while not counter.loaded:
        assert time.monotonic() - begun < 20
    counter.begin("think", 0.2)
    assert not counter.answered
    assert counter.finish() == 0.2
    assert counter.ask("think", 0.0) == 0.0, "nothing of the first answer is left over"


def test_a_stream_goes_on_while_nobody_looks(counter: Elsewhere, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    counter.begin("count", mark, 10)
    while not mark.exists() or mark.read_text() != "9":
        counter.gather()
    assert list(counter.follow()) == list(range(3, 10))


def test_an_engine_told_to_stop_is_free_soon_and_what_it_still_said_is_dropped(
    counter: Elsewhere, tmp_path: Path
) -> None:
    counter.begin("count", tmp_path / "mark", 10_000)
    time.sleep(0.1)
    counter.gather()
    counter.stop()
    end = time.monotonic() + 5
    while not counter.free:
        assert time.monotonic() < end
    assert counter.ask("think", 0.0) == 0.0


def test_the_answer_to_a_question_that_was_given_up_is_not_taken_for_the_next_one(counter: Elsewhere) -> None:
    counter.begin("think", 0.1)
    assert counter.ask("think", 0.0) == 0.0
    counter.begin("think", 0.1)
    counter.finish()
    counter.stop()
    assert counter.ask("think", 0.0) == 0.0, "there was nothing to stop"


@pytest.mark.parametrize("loaded", [False, True])
def test_an_engine_that_was_killed_is_found_by_who_asks_whether_it_has_loaded(counter: Elsewhere, loaded: bool) -> None:
    counter.load() if loaded else counter.start()
    assert isinstance(counter._peer, Child)
    counter._peer.process.kill()
    counter._peer.process.wait()
    with pytest.raises(AudioToImageError, match="died"):
        _ = counter.loaded


def test_stopping_the_iteration_stops_the_work(counter: Elsewhere, tmp_path: Path) -> None:
    stream = counter.stream("count", tmp_path / "mark", 10_000)
    assert next(stream) == 3
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    reached = int((tmp_path / "mark").read_text())
    assert reached < 20
    assert list(counter.stream("count", tmp_path / "mark", 5)) == [3, 4], "the engine takes the next request"


def test_an_error_of_the_engine_keeps_its_kind_and_its_hint(counter: Elsewhere) -> None:
    with pytest.raises(Misuse, match="steps is 0") as caught:
        counter.ask("refuse")
    assert caught.value.hint == "use --steps 20"
    assert counter.alive


def test_an_engine_that_cannot_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    engine = Elsewhere(Opening(name="torn", path="test_worker:Counter", arguments={"broken": True}))
    with pytest.raises(AudioToImageError, match="torn") as caught:
        engine.ask("pid")
    assert caught.value.hint == "audio-to-image models get torn"
    assert not engine.alive


def test_a_dead_engine_is_one_clear_error_and_the_next_request_starts_a_new_one(counter: Elsewhere) -> None:
    first = counter.ask("pid")
    with pytest.raises(AudioToImageError, match=r"counting engine died.*signal 11.*something native went wrong"):
        counter.ask("crash")
    assert counter.ask("pid") != first


def test_what_was_begun_is_not_awaited_of_another_engine(counter: Elsewhere) -> None:
    pid = counter.ask("pid")
    counter.begin("think", 60.0)
    assert counter.begun
    os.kill(pid, signal.SIGKILL)
    while counter.alive:
        time.sleep(0.01)
    counter.load()
    assert not counter.begun
    assert counter.ask("pid") != pid


def test_unloading_ends_the_child(counter: Elsewhere) -> None:
    pid = counter.ask("pid")
    counter.unload()
    assert gone(pid)


def test_a_child_whose_parent_is_killed_ends() -> None:
    program = (
        "import time; from orchestrator.worker import Elsewhere, Opening\n"
        "engine = Elsewhere(Opening(name='counting', path='test_worker:Counter'))\n"
        "print(engine.ask('pid'), flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)
