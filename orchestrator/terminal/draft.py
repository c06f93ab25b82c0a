"""Edit a prompt on the terminal before it is painted."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from orchestrator.errors import Cancelled, Misuse
from orchestrator.terminal import CLEAR_LINE, terminal_size
from orchestrator.terminal.keys import Key, Keyboard

HINT = "Enter: paint; an empty prompt cancels"
MARK = "paint: "


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A line of text and the cursor's position in it."""

    text: str
    cursor: int

    def after(self, key: Key) -> Draft:
        """Return the draft after a key press."""
        before, behind = self.text[: self.cursor], self.text[self.cursor :]
        match key:
            case Key(name="backspace"):
                return Draft(text=before[:-1] + behind, cursor=max(self.cursor - 1, 0))
            case Key(name="delete"):
                return Draft(text=before + behind[1:], cursor=self.cursor)
            case Key(name="left"):
                return Draft(text=self.text, cursor=max(self.cursor - 1, 0))
            case Key(name="right"):
                return Draft(text=self.text, cursor=min(self.cursor + 1, len(self.text)))
            case Key(name="home") | Key(name="a", control=True):
                return Draft(text=self.text, cursor=0)
            case Key(name="end") | Key(name="e", control=True):
                return Draft(text=self.text, cursor=len(self.text))
            case Key(name="u", control=True):
                return Draft(text=behind, cursor=0)
            case Key(name="space"):
                return Draft(text=f"{before} {behind}", cursor=self.cursor + 1)
            case Key(name=name, control=False) if len(name) == 1 and name.isprintable():
                return Draft(text=before + name + behind, cursor=self.cursor + 1)
        return self

    def shown(self, columns: int) -> str:
        """Return the escape sequences and text that draw the line, with the cursor in place."""
        room = max(columns - len(MARK) - 1, 1)
        begin = max(self.cursor - room, 0)
        visible = self.text[begin : begin + room]
        back = len(visible) - (self.cursor - begin)
        return f"{CLEAR_LINE}{MARK}{visible}" + (f"\x1b[{back}D" if back else "")


def confirm_prompt(keyboard: Keyboard, prompt: str) -> str:
    """Let the user edit a prompt and return it; raise Cancelled if it is left empty."""
    if not keyboard.there:
        raise Misuse("--confirm needs a terminal", "leave --confirm out")
    keyboard.forget()
    draft = Draft(text=prompt, cursor=len(prompt))
    _write(f"{CLEAR_LINE}{HINT}\n")
    while True:
        _write(draft.shown(terminal_size().columns))
        for key in keyboard.pressed(None):
            if key.name == "enter" or (key.name == "d" and key.control):
                _write(CLEAR_LINE)
                return _checked(draft.text)
            draft = draft.after(key)


def _checked(text: str) -> str:
    if not text.strip():
        raise Cancelled("cancelled: nothing is painted")
    return text.strip()


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
