"""A warning for models that may not fit into memory."""

from __future__ import annotations

from orchestrator import catalogue, machine
from orchestrator.events import Note


def enough_memory(chosen: catalogue.Chosen) -> Note | None:
    """Return a warning if a model needs more memory than is free, naming the largest one of its kind that fits."""
    free, models = machine.free_memory(), {model.name: model for model in catalogue.load().models}
    wants = machine.in_bytes(models[chosen.name].memory) if chosen.name in models else 0
    if free is None or wants <= free:
        return None
    alike = [each for each in models.values() if (each.kind, each.engine) == (chosen.kind, models[chosen.name].engine)]
    fitting = {each.name: machine.in_bytes(each.memory) for each in alike if 0 < machine.in_bytes(each.memory) <= free}
    smaller = max(fitting, key=lambda name: fitting[name], default="")
    flag = "--" + catalogue.load().roles[chosen.kind].setting.replace("_", "-")
    needed = machine.as_size(wants)
    return Note(
        text=f"{chosen.name} takes {needed} of memory and {machine.as_size(free)} are free: it may be slow",
        hint=f"a smaller one: {flag} {smaller}" if smaller else "close other programs",
    )
