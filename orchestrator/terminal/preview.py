"""Pictures in terminals that show them: a PNG comes in, escape sequences go out.

iTerm2's inline images and kitty's graphics protocol; under tmux and screen neither gets through.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from typing import Literal

Protocol = Literal["iterm2", "kitty"]

MOST_ROWS = 16
LEFT_ROWS = 4  # of the terminal, for words
CHUNK = 4096  # characters of base64 in one of kitty's sequences
SAVE, RESTORE, BELOW = "\x1b7", "\x1b8", "\x1b[1B\r"


def protocol(environ: Mapping[str, str]) -> Protocol | None:
    """Tell how the terminal shows pictures, from what it says of itself."""
    if "TMUX" in environ or "STY" in environ:
        return None
    program = environ.get("TERM_PROGRAM", "") or environ.get("LC_TERMINAL", "")
    if program in ("iTerm.app", "iTerm2", "WezTerm"):
        return "iterm2"
    if "KITTY_WINDOW_ID" in environ or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return None


class Screen:
    """A place for one picture at a time, below the line that the cursor is in."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._rows = 0  # of the place; none: there is no picture now
        self._id = random.randrange(1, 2**31)  # others draw in this terminal too

    def show(self, png: bytes, lines: int) -> str:
        """Show a picture in place of the last one; the first needs its place made, in a terminal of so many lines."""
        place = ""
        if not self._rows:
            self._rows = max(1, min(MOST_ROWS, lines - LEFT_ROWS))
            self._id += 1
            place = "\n" * self._rows + f"\x1b[{self._rows}A"
        columns = 2 * self._rows  # characters are about twice as high as wide
        drawn = _iterm2(png, columns, self._rows) if self._protocol == "iterm2" else self._kitty(png, columns)
        return place + SAVE + BELOW + drawn + RESTORE

    def leave(self) -> str:
        """Go below the picture, which stays."""
        rows, self._rows = self._rows, 0
        return f"\x1b[{rows}B\r\n" if rows else ""

    def erase(self) -> str:
        """Take the picture away."""
        rows, self._rows = self._rows, 0
        gone = f"\x1b_Ga=d,d=I,i={self._id},q=2\x1b\\" if self._protocol == "kitty" else ""
        return gone + "\x1b[J" if rows else ""

    def _kitty(self, png: bytes, columns: int) -> str:
        data = base64.b64encode(png).decode()
        chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        first = f"a=T,f=100,q=2,C=1,i={self._id},p=1,c={columns},r={self._rows},"
        heads = [first, *[""] * (len(chunks) - 1)]
        mores = [1] * (len(chunks) - 1) + [0]
        return "".join(
            f"\x1b_G{head}m={more};{chunk}\x1b\\" for head, more, chunk in zip(heads, mores, chunks, strict=True)
        )


def _iterm2(png: bytes, columns: int, rows: int) -> str:
    data = base64.b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;size={len(png)};width={columns};height={rows};preserveAspectRatio=1:{data}\a"
