"""The door of a running server, as other programs of the same person find it."""

from __future__ import annotations

import json
import os
import pickle
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from orchestrator import __version__
from orchestrator.errors import AudioToImageError
from orchestrator.studio import door as studio_door
from orchestrator.studio.door import Door
from orchestrator.studio.turns import Turns
from orchestrator.worker import Opening, RemoteEngine
from orchestrator.worker.messages import PROTOCOL, Ask
from orchestrator.worker.served import ask, connect, ours

Remote = RemoteEngine[str]
OPENING = Opening(role="speech", path="test_door:Engine")


class Engine:
    """Counts, slowly where that is asked for; lives in a child process of the server."""

    def load(self) -> str:
        return "facts"

    def echo(self, value: object) -> object:
        return value

    def pid(self) -> int:
        return os.getpid()

    def count(self, most: int, seconds: float, size: int = 1) -> Iterator[tuple[int, bytes]]:
        for number in range(most):
            time.sleep(seconds)
            yield number, bytes(size)

    def die(self) -> None:
        os.kill(os.getpid(), 9)

    def refuse(self) -> None:
        raise AudioToImageError("it cannot", "ask otherwise")


OLD = b'{"version": "0.0.0", "url": "", "pid": 1}\n'  # before the greeting carried a protocol
LATER = json.dumps({"version": __version__, "url": "", "pid": 1, "protocol": PROTOCOL + 1}).encode() + b"\n"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the child, which has to find Engine
    with tempfile.TemporaryDirectory(prefix="door") as name:  # a socket's path must be short
        yield Path(name) / "own"


@pytest.fixture
def path(folder: Path) -> Iterator[Path]:
    turns = {"speech": Turns(60)}
    door = Door(folder / "s.socket", turns, _refuse)
    door.open("http://127.0.0.1:1/")
    yield door.path
    door.close()
    turns["speech"].close()


def _refuse(_message: object) -> Any:
    raise AudioToImageError("unknown question")


@pytest.fixture
def client(path: Path) -> Iterator[Callable[[], Remote]]:
    clients: list[Remote] = []

    def make() -> Remote:
        clients.append(Remote(OPENING, socket=path))
        return clients[-1]

    yield make
    for each in clients:
        each.unload()


def test_clients_share_one_engine_and_each_has_its_own_answers(client: Callable[[], Remote]) -> None:
    first, second = client(), client()
    assert first.call("pid").result() == second.call("pid").result() != os.getpid()
    threads = [threading.Thread(target=_echoes, args=[client(), word]) for word in ("a", "b", "c")]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
        assert not each.is_alive()


def _echoes(elsewhere: Remote, word: str) -> None:
    for number in range(50):
        assert elsewhere.call("echo", (word, number)).result() == (word, number)


def test_a_client_that_does_not_read_blocks_no_other(client: Callable[[], Remote]) -> None:
    slow, other = client(), client()
    call = slow.call("count", 200, 0.0, 100_000)  # twenty megabytes: far more than a socket holds
    assert other.call("echo", 1).result() == 1
    assert len(list(call)) == 200


def test_a_client_that_lets_too_much_wait_is_disconnected(
    client: Callable[[], Remote], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_door, "MOST_HELD", 1_000_000)
    slow, other = client(), client()
    call = slow.call("count", 200, 0.0, 100_000)
    assert other.call("echo", 1).result() == 1, "now all values of the first call wait"
    with pytest.raises(AudioToImageError, match="ended"):
        list(call)


def test_an_abandoned_stream_stops_and_the_next_client_is_served(client: Callable[[], Remote]) -> None:
    giving_up, other = client(), client()
    for number, _ in giving_up.call("count", 10_000, 0.01):
        if number == 2:
            break
    assert other.call("echo", 1).result() == 1
    assert giving_up.call("echo", 2).result() == 2


def test_a_client_that_leaves_in_the_middle_frees_the_engine(client: Callable[[], Remote]) -> None:
    leaving, other = client(), client()
    leaving.call("count", 10_000, 0.01)
    time.sleep(0.1)
    leaving.unload()
    assert other.call("echo", 1).result() == 1


def test_the_facts_of_a_shared_engine_come_with_the_answer_to_load(client: Callable[[], Remote]) -> None:
    assert client().load() == "facts"


def test_a_cancelled_call_that_waits_its_turn_is_never_made(client: Callable[[], Remote]) -> None:
    busy, waiting = client(), client()
    busy.load(), waiting.load()
    long = busy.call("count", 10_000, 0.01)
    while not long.poll():
        pass
    waiting.call("die").cancel()
    assert waiting.call("echo", 1).poll() is False, "it waits for the long call"
    long.cancel()
    assert waiting.call("echo", 2).result() == 2


def test_errors_and_the_death_of_an_engine_reach_the_client_that_called(client: Callable[[], Remote]) -> None:
    one, other = client(), client()
    with pytest.raises(AudioToImageError, match="it cannot") as caught:
        one.call("refuse").result()
    assert caught.value.hint == "ask otherwise"
    with pytest.raises(AudioToImageError, match=r"died \(signal 9\)"):
        one.call("die").result()
    assert other.call("echo", 1).result() == 1
    assert one.call("echo", 2).result() == 2


def test_another_opening_takes_the_engines_place(path: Path) -> None:
    first, second = Remote(OPENING, socket=path), Remote(_opening_of("builtins:Nothing"), socket=path)
    before = first.call("pid").result()
    with pytest.raises(AudioToImageError):
        second.load()
    assert first.call("pid").result() != before
    first.unload()
    second.unload()


def _opening_of(path: str) -> Opening:
    return Opening(role="speech", path=path)


def test_the_socket_is_ours_alone_and_one_in_an_open_folder_is_not_trusted(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    there = connect(path, "speech")
    assert there
    there.leave()
    path.parent.chmod(0o755)
    assert not ours(path.parent)
    assert connect(path, "speech") is None
    path.parent.chmod(0o700)


def test_a_server_of_another_protocol_or_none_at_all_is_passed_over(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    assert connect(folder / "none.socket", "speech") is None
    for greeting in (OLD, LATER, b"what?\n", b""):
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(folder / "other.socket"))
            other.listen()
            thread = threading.Thread(target=_greets, args=[other, greeting])
            thread.start()
            assert connect(folder / "other.socket", "speech") is None
            thread.join()
        (folder / "other.socket").unlink()


def _greets(listener: socket.socket, greeting: bytes) -> None:
    client, _ = listener.accept()
    client.sendall(greeting)
    client.close()


def test_nonsense_on_the_socket_ends_that_connection_only(path: Path, client: Callable[[], Remote]) -> None:
    for message in (b"nonsense", pickle.dumps(Ask(number=1, method="echo")), b""):
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(str(path))
            other.recv(1000)
            Connection(os.dup(other.fileno())).send_bytes(message)
    assert client().call("echo", 1).result() == 1


def test_a_question_that_is_not_about_an_engine_is_answered_or_refused(path: Path) -> None:
    answers = ask(path, "what time is it?")
    assert answers
    with pytest.raises(AudioToImageError, match="unknown question"):
        list(answers)
    assert ask(path.with_name("none"), "what time is it?") is None


def test_the_path_fits_where_macos_allows_104_bytes() -> None:
    code = "from orchestrator.settings import Settings; print(Settings().socket)"
    environment = {**os.environ, "HOME": "/Users/" + "x" * 200}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert len(out.stdout.strip()) <= 103
