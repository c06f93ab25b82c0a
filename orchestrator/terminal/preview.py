"""Escape sequences that show a PNG in a terminal: iTerm2's inline images and kitty's graphics protocol.

tmux and screen pass neither through.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from typing import Literal

Protocol = Literal["iterm2", "kitty"]

MAX_ROWS = 16
RESERVED_ROWS = 4  # kept free for text
CHUNK = 4096  # base64 characters per sequence, kitty's limit
SAVE, RESTORE, BELOW = "\x1b7", "\x1b8", "\x1b[1B\r"


def protocol(environ: Mapping[str, str]) -> Protocol | None:
    """Return the graphics protocol that the environment says the terminal has, or None."""
    if "TMUX" in environ or "STY" in environ:
        return None
    program = environ.get("TERM_PROGRAM", "") or environ.get("LC_TERMINAL", "")
    if program in ("iTerm.app", "iTerm2", "WezTerm"):
        return "iterm2"
    if "KITTY_WINDOW_ID" in environ or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return None


class Screen:
    """An area for one picture at a time, below the cursor's line. Methods return the sequences to print."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._rows = 0  # of the area; 0: there is no picture now
        self._id = random.randrange(1, 2**31)  # random: other programs may show pictures in this terminal

    def show(self, png: bytes, lines: int) -> str:
        """Show a picture in place of the last one, in a terminal of `lines` lines."""
        place = ""
        if not self._rows:
            self._rows = max(1, min(MAX_ROWS, lines - RESERVED_ROWS))
            self._id += 1
            place = "\n" * self._rows + f"\x1b[{self._rows}A"
        columns = 2 * self._rows  # characters are about twice as high as wide
        drawn = _iterm2(png, columns, self._rows) if self._protocol == "iterm2" else self._kitty(png, columns)
        return place + SAVE + BELOW + drawn + RESTORE

    def leave(self) -> str:
        """Move below the picture, and leave it on the screen."""
        rows, self._rows = self._rows, 0
        return f"\x1b[{rows}B\r\n" if rows else ""

    def erase(self) -> str:
        """Remove the picture."""
        rows, self._rows = self._rows, 0
        delete = f"\x1b_Ga=d,d=I,i={self._id},q=2\x1b\\" if self._protocol == "kitty" else ""
        return delete + "\x1b[J" if rows else ""

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
