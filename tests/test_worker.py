"""An engine in a child process: answers, streams, errors, death, and no orphan."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator import events, hear, paint
from orchestrator.errors import AudioToImageError, Cancelled, Misuse
from orchestrator.hear.speech import Task
from orchestrator.meaning import Evidence, Label, Labels, Nothing, Segment, Vector, Words
from orchestrator.settings import Settings
from orchestrator.worker import Call, Opening, RemoteEngine, messages
from orchestrator.worker.child import Child


class Counter:
    """A small engine that counts, and can be made to fail in every way an engine fails."""

    def __init__(self, start: int = 0, broken: bool = False) -> None:
        self.start, self.broken = start, broken

    def load(self) -> dict[str, int]:
        if self.broken:
            raise AudioToImageError("the model file is torn", "audio-to-image models get torn")
        return {"start": self.start}

    def pid(self) -> int:
        return os.getpid()

    def count(self, marks: Path, until: int) -> Iterator[int]:
        for number in range(self.start, until):
            marks.write_text(str(number))
            time.sleep(0.02)
            yield number

    def fill(self, size: int) -> Iterator[bytes]:
        for _ in range(1000):
            time.sleep(0.05)
            yield bytes(size)

    def measure(self, data: bytes) -> int:
        return len(data)

    def think(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def refuse(self) -> None:
        raise Misuse("steps is 0", "use --steps 20")

    def crash(self) -> None:
        os.write(2, b"something native went wrong\n")
        os.kill(os.getpid(), signal.SIGSEGV)


Counting = RemoteEngine[dict[str, int]]


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parent.parent}")
    engine = Counting(Opening(role="counting", path="test_worker:Counter", arguments={"start": 3}))
    yield engine
    engine.unload()


def pid_of(engine: Counting) -> int:
    pid: int = engine.call("pid").result()
    return pid


def has_ended(pid: int, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def reached(mark: Path) -> int:
    """Return the last number that the engine wrote; it may be writing at this moment."""
    return int((mark.read_text() if mark.exists() else "") or -1)


def wait_for(mark: Path, number: int) -> None:
    end = time.monotonic() + 100
    while reached(mark) < number:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_engine_runs_in_another_process(counter: Counting) -> None:
    assert pid_of(counter) != os.getpid()


def test_the_facts_of_an_engine_come_with_the_answer_to_load(counter: Counting) -> None:
    assert counter.load() == {"start": 3}
    assert counter.load() == {"start": 3}, "also the second time"


def test_the_values_of_a_method_arrive_one_by_one(counter: Counting, tmp_path: Path) -> None:
    assert list(counter.call("count", tmp_path / "mark", 6)) == [3, 4, 5]


def test_a_call_can_be_polled_and_its_result_taken_later(counter: Counting) -> None:
    counter.start()
    end = time.monotonic() + 100
    while not counter.loaded:
        assert time.monotonic() < end
    call = counter.call("think", 0.5)
    assert not call.poll()
    assert call.result() == 0.5
    assert call.ended
    assert counter.call("think", 0.0).result() == 0.0, "nothing of the first answer is left over"


def test_a_stream_continues_while_it_is_only_polled(counter: Counting, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    call = counter.call("count", mark, 10)
    while not mark.exists() or mark.read_text() != "9":
        call.poll()
    assert list(call) == list(range(3, 10))


def test_a_cancelled_call_yields_nothing_more_and_the_engine_is_soon_free(counter: Counting, tmp_path: Path) -> None:
    call = counter.call("count", tmp_path / "mark", 10_000)
    wait_for(tmp_path / "mark", 5)
    call.cancel()
    assert list(call) == []
    end = time.monotonic() + 100
    while not counter.free:
        assert time.monotonic() < end
    assert int((tmp_path / "mark").read_text()) < 10_000 - 1
    assert counter.call("think", 0.0).result() == 0.0


def test_a_new_call_cancels_the_one_before_it(counter: Counting, tmp_path: Path) -> None:
    first = counter.call("count", tmp_path / "mark", 10_000)
    assert counter.call("think", 0.0).result() == 0.0
    assert first.ended
    assert list(first) == []


def test_a_large_call_is_sent_while_the_engine_sends_a_large_value(counter: Counting) -> None:
    more_than_a_pipe_holds = 1 << 20
    values = iter(counter.call("fill", more_than_a_pipe_holds))
    next(values)
    assert counter.call("measure", bytes(more_than_a_pipe_holds)).result() == more_than_a_pipe_holds


def test_a_call_whose_engine_is_unloaded_fails_and_takes_no_answer_of_the_next_one(counter: Counting) -> None:
    call = counter.call("think", 60.0)
    counter.unload()
    assert call.failed
    assert counter.call("think", 0.0).result() == 0.0
    with pytest.raises(AudioToImageError, match="counting engine was unloaded"):
        call.result()


def test_a_late_cancel_does_not_stop_the_next_call(counter: Counting, tmp_path: Path) -> None:
    first = counter.call("think", 0.0)
    first.result()
    call = counter.call("count", tmp_path / "mark", 6)
    first.cancel()
    assert list(call) == [3, 4, 5]


@pytest.mark.parametrize("loaded", [False, True])
def test_asking_whether_a_killed_engine_has_loaded_raises(counter: Counting, loaded: bool) -> None:
    counter.load() if loaded else counter.start()
    assert isinstance(counter._peer, Child)
    counter._peer.process.kill()
    counter._peer.process.wait()
    for _ in range(2):  # asking changes nothing
        with pytest.raises(AudioToImageError, match="died"):
            _ = counter.loaded
    counter.start()
    assert counter.load() == {"start": 3}


def test_stopping_the_iteration_stops_the_work(counter: Counting, tmp_path: Path) -> None:
    values = iter(counter.call("count", tmp_path / "mark", 10_000))
    assert next(values) == 3
    del values
    assert list(counter.call("count", tmp_path / "mark", 5)) == [3, 4], "the engine takes the next call"


def test_an_error_of_the_engine_keeps_its_kind_and_its_hint(counter: Counting) -> None:
    call = counter.call("refuse")
    with pytest.raises(Misuse, match="steps is 0") as caught:
        call.result()
    assert caught.value.hint == "use --steps 20"
    assert call.failed
    assert counter.alive


def test_an_engine_that_cannot_load_gives_its_reason_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parent.parent}")
    engine = Counting(Opening(role="torn", path="test_worker:Counter", arguments={"broken": True}))
    for _ in range(2):
        with pytest.raises(AudioToImageError, match="torn") as caught:
            engine.load()
        assert caught.value.hint == "audio-to-image models get torn"
    assert not engine.alive


def test_a_dead_engine_is_one_clear_error_and_the_next_call_starts_a_new_one(counter: Counting) -> None:
    first = pid_of(counter)
    with pytest.raises(AudioToImageError, match=r"counting engine died.*signal 11.*something native went wrong"):
        counter.call("crash").result()
    assert pid_of(counter) != first


def test_a_call_to_an_engine_that_dies_fails_and_stays_failed(counter: Counting) -> None:
    pid = pid_of(counter)
    call: Call[float] = counter.call("think", 60.0)
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 100
    while not call.poll():
        assert time.monotonic() < end
    assert call.failed
    counter.load()
    with pytest.raises(AudioToImageError, match="died"):
        call.result()
    assert pid_of(counter) != pid


def test_on_tick_can_end_the_wait(counter: Counting) -> None:
    counter.load()

    def stop() -> None:
        raise Cancelled("cancelled")

    call = counter.call("think", 60.0)
    counter.on_tick = stop
    with pytest.raises(Cancelled):
        call.result()


def test_unloading_ends_the_child(counter: Counting) -> None:
    pid = pid_of(counter)
    counter.unload()
    assert has_ended(pid)


def test_a_child_whose_parent_is_killed_ends() -> None:
    program = (
        "import time; from orchestrator.worker import Opening, RemoteEngine\n"
        "engine = RemoteEngine(Opening(role='counting', path='test_worker:Counter'))\n"
        "print(engine.call('pid').result(), flush=True); time.sleep(60)"
    )
    paths = f"{Path(__file__).parent}:{Path(__file__).parent.parent}"
    environment = os.environ | {"PYTHONPATH": paths}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert has_ended(pid)


def test_changed_messages_need_a_new_protocol_number() -> None:
    """Raise PROTOCOL when this fails, and put the new digest here."""
    travels = (
        *(messages.Opening, messages.Ask, messages.Cancel, messages.Press, messages.Answer),
        *(Settings, hear.Facts, Task, Words, Nothing, Labels, Vector, Segment, Label, Evidence),
        *(paint.Wish, paint.Decision, paint.Facts, events.Painted),
    )
    shape = {
        f"{kind.__module__}.{kind.__name__}": [f"{each.name}: {each.type}" for each in fields(kind)] for kind in travels
    }
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]
    assert (messages.PROTOCOL, digest) == (2, "46a9067882c6d7b7")


def test_an_engine_that_cannot_be_started_is_one_clear_error(
    counter: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(AudioToImageError, match="cannot start the counting engine: No such file"):
        counter.load()
