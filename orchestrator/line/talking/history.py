"""The pictures of a conversation, which a sentence may refine, undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator import events
from orchestrator.line.order import Prompt


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sentence asks for."""

    prompt: Prompt
    image: str = ""  # to paint from
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture of this conversation."""

    plan: Plan
    kept: events.Kept


@dataclass(kw_only=True)
class History:
    """The pictures of a conversation: a sentence refines the last one, and may go back and forward."""

    made: list[Made] = field(default_factory=list)
    undone: list[Made] = field(default_factory=list)  # the last one is the first to come back

    @property
    def last(self) -> Made | None:
        return self.made[-1] if self.made else None

    def add(self, made: Made) -> None:
        """Add a new picture; those that were undone are forgotten."""
        self.made.append(made)
        self.undone.clear()

    def add_kept(self, kept: events.Kept) -> None:
        """Make a picture from the gallery the last one, unless it is."""
        if not self.last or self.last.kept.id != kept.id:
            self.add(Made(plan=Plan(prompt=Prompt(text=kept.recipe.prompt)), kept=kept))

    def undo(self) -> Made | None:
        """Return the picture before the last one, which becomes the last one; None if there is none."""
        if len(self.made) < 2:
            return None
        self.undone.append(self.made.pop())
        return self.last

    def redo(self) -> Made | None:
        """Return the picture that was undone last, which becomes the last one; None if there is none."""
        if not self.undone:
            return None
        self.made.append(self.undone.pop())
        return self.last


def history_of(kept: events.Kept | None) -> History:
    """Return the history of a conversation that begins with a picture that was made earlier."""
    history = History()
    if kept:
        history.add_kept(kept)
    return history
