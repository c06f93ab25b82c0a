"""Whether a model fits into the memory of this machine."""

from __future__ import annotations

from orchestrator import catalogue, machine
from orchestrator.events import Note


def enough_memory(chosen: catalogue.Chosen) -> Note | None:
    """Warn where a model is larger than the memory that is free, and name the largest of its kind that fits."""
    free, models = machine.free_memory(), {model.name: model for model in catalogue.load().models}
    wants = machine.in_bytes(models[chosen.name].memory) if chosen.name in models else 0
    if free is None or wants <= free:
        return None
    alike = [each for each in models.values() if (each.kind, each.engine) == (chosen.kind, models[chosen.name].engine)]
    fitting = {each.name: machine.in_bytes(each.memory) for each in alike if 0 < machine.in_bytes(each.memory) <= free}
    smaller = max(fitting, key=lambda name: fitting[name], default="")
    flag = "--speech-model" if chosen.kind == "speech" else "--model"
    needed = machine.as_size(wants)
    return Note(
        text=f"{chosen.name} takes {needed} of memory and {machine.as_size(free)} are free: it may be slow",
        hint=f"a smaller one: {flag} {smaller}" if smaller else "close other programs",
    )
