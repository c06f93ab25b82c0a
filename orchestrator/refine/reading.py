"""What a sentence asks for, once it is read next to the last picture's prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Amend:
    """Repaint the last picture with this prompt."""

    prompt: str
    doubt: str = ""  # what makes this reading uncertain

    @property
    def note(self) -> str:
        """Return what to say about an uncertain reading, and how to force the other one; '' if it is certain."""
        return f'{self.doubt}; for a new picture say "paint ..."' if self.doubt else ""


@dataclass(frozen=True, kw_only=True)
class New:
    """Paint a new picture."""

    prompt: str
    doubt: str = ""  # what makes this reading uncertain

    @property
    def note(self) -> str:
        """Return what to say about an uncertain reading, and how to force the other one; '' if it is certain."""
        if not self.doubt:
            return ""
        return f'painting a new picture ({self.doubt}); to change the last one say "make it ..."'


@dataclass(frozen=True, kw_only=True)
class Again:
    """Paint the last picture with a new seed."""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """Go back to the picture before."""


@dataclass(frozen=True, kw_only=True)
class Redo:
    """Go forward to the picture that was undone last."""


Reading: TypeAlias = Amend | New | Again | Undo | Redo
