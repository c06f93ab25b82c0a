"""Key parsing, prompt editing, and restoring the terminal's mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminal import Terminal

from orchestrator.terminal import fit, session, width
from orchestrator.terminal.draft import Draft
from orchestrator.terminal.keys import Key, Reader
from orchestrator.terminal.session import StartKey

pytestmark = pytest.mark.quick

SPACE = Key(name="space")


def read_keys(*data: bytes) -> list[Key]:
    reader = Reader()
    return [key for each in data for key in reader.read(each)]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b" ", SPACE),
        (b"\r", Key(name="enter")),
        (b"\n", Key(name="enter")),
        (b"\x7f", Key(name="backspace")),
        (b"\x04", Key(name="d", control=True)),
        (b"\x1b[D", Key(name="left")),
        (b"\x1bOH", Key(name="home")),
        (b"\x1b[3~", Key(name="delete")),
        ("é".encode(), Key(name="é")),
        (b"\x1b[32u", SPACE),
        (b"\x1b[32;1:3u", Key(name="space", released=True)),
        (b"\x1b[99;5u", Key(name="c", control=True)),
    ],
)
def test_bytes_are_parsed_into_keys_even_one_at_a_time(data: bytes, key: Key) -> None:
    assert read_keys(data) == [key]
    assert read_keys(*(data[at : at + 1] for at in range(len(data)))) == [key]


def test_key_repeats_are_ignored() -> None:
    assert read_keys(b"\x1b[32u\x1b[32;1:2u\x1b[32;1:2u\x1b[32;1:3u") == [SPACE, Key(name="space", released=True)]


def test_terminal_answers_are_not_keys() -> None:
    reader = Reader()
    assert list(reader.read(b"\x1b[?0u\x1b[?62;4c")) == []
    assert reader.supports_releases


@given(st.binary(max_size=40))
def test_any_bytes_can_be_parsed(data: bytes) -> None:
    read_keys(data)
    read_keys(b"\x1b[" + data)


def test_edits_happen_at_the_cursor() -> None:
    draft = Draft(text="a red bot", cursor=9)
    for key in read_keys(b"\x1b[Da\x1b[F by the sea\x1b[H\x1b[3~the"):
        draft = draft.after(key)
    assert draft.text == "the red boat by the sea"
    assert draft.after(Key(name="end")).after(Key(name="u", control=True)).text == ""


@given(st.text(max_size=30), st.binary(max_size=30), st.integers(1, 60))
def test_the_cursor_stays_inside_the_text_for_any_keys(text: str, data: bytes, columns: int) -> None:
    draft = Draft(text=text, cursor=len(text))
    for key in read_keys(data):
        draft = draft.after(key)
        assert 0 <= draft.cursor <= len(draft.text)
        draft.shown(columns)


def test_after_a_short_press_the_next_press_ends_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HOLD", float("inf"))
    key = StartKey(held=True)
    assert not key.ends(Key(name="space", released=True))
    assert not key.ends(Key(name="x"))
    assert key.ends(SPACE)


def test_releasing_a_held_key_ends_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HOLD", 0.0)
    key = StartKey(held=True)
    assert key.ends(Key(name="space", released=True))


@given(st.text(max_size=200), st.integers(10, 100))
def test_the_live_line_is_never_wider_than_the_terminal(text: str, columns: int) -> None:
    shown = fit(text, columns)
    assert shown.isprintable()
    assert width(shown) <= columns


def test_a_narrow_terminal_shows_the_newest_words() -> None:
    assert (
        fit("████░░░░░░░░░░░░░░░░  3.2 s  a red sailboat on the sea at sunset", 30) == "…sailboat on the sea at sunset"
    )


def test_a_narrow_terminal_shows_the_last_words() -> None:
    assert fit("█" * 20 + "  3.2 s  " + "word " * 40 + "the end", 60).endswith("word the end")


WAIT_FOR_KEY = """
from orchestrator.terminal.keys import Keyboard
with Keyboard() as keyboard:
    print('ready', flush=True); keyboard.pressed(None)"""


@pytest.mark.parametrize("end", ["a key", "Ctrl-C", "kill -9"])
def test_the_terminal_mode_is_restored(end: str) -> None:
    with Terminal(sys.executable, "-c", WAIT_FOR_KEY) as terminal:
        terminal.wait_for("ready")
        assert terminal.mode != terminal.mode_before
        if end == "kill -9":
            os.kill(terminal.process.pid, 9)
        else:
            terminal.press("x" if end == "a key" else "\x03")
        terminal.wait_for_exit()
        assert terminal.wait_for_all_to_end()
        assert terminal.mode == terminal.mode_before


def test_ctrl_z_restores_the_terminal_and_fg_redraws(tmp_path: Path) -> None:
    program = tmp_path / "reads.py"
    program.write_text(WAIT_FOR_KEY + "; print('redrawn', flush=True); keyboard.pressed(None)")
    with Terminal("bash", "--norc", "-i", PS1="$ ") as terminal:
        terminal.press(f"{sys.executable} {program}\n")
        terminal.wait_for("ready\r\n")
        taken = terminal.mode
        terminal.press("\x1a")
        terminal.wait_for("Stopped")
        terminal.press("stty -a\n")
        flags = terminal.wait_for("echoctl")
        assert " icanon " in flags
        assert " echo " in flags
        terminal.press("fg\n")
        terminal.wait_for("redrawn")
        assert terminal.mode == taken
        terminal.press("x")
        terminal.wait_for("$ ")


def test_closing_the_window_ends_the_wait_for_a_key() -> None:
    ours, theirs = os.openpty()
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT_FOR_KEY], stdin=theirs, stdout=PIPE, stderr=PIPE, env=environment
    )
    os.close(theirs)
    assert process.stdout
    process.stdout.readline()
    os.close(ours)
    _, stderr = process.communicate(timeout=100)
    assert b"the terminal was closed" in stderr
