"""The one place where a Wish becomes a Decision."""

from __future__ import annotations

from orchestrator.choices import random_seed
from orchestrator.diffusion.loop import Plan, plan
from orchestrator.paint import Decision, Wish
from orchestrator.paint.description import Description


def decide(wish: Wish, model: Description) -> Decision:
    """Fill in the model's own choices where the wish leaves them open; raise Misuse where it cannot be painted."""
    sampler = model.sampler if wish.sampler is None else wish.sampler
    width, height = model.size
    decision = Decision(
        prompt=wish.prompt,
        negative=wish.negative,
        seed=random_seed(wish.count) if wish.seed is None else wish.seed,
        steps=model.steps if wish.steps is None else wish.steps,
        guidance=model.guidance if wish.guidance is None else wish.guidance,
        sampler=sampler,
        spacing=_spacing(model, sampler) if wish.spacing is None else wish.spacing,
        count=wish.count,
        strength=None if wish.image is None else wish.strength,
        width=width,
        height=height,
        image=wish.image,
    )
    plan_of(decision, model)
    return decision


def plan_of(decision: Decision, model: Description) -> Plan:
    """Return the steps that a decision stands for."""
    return plan(
        model.schedule,
        sampler=decision.sampler,
        spacing=decision.spacing,
        steps=decision.steps,
        strength=1.0 if decision.strength is None else decision.strength,
    )


def _spacing(model: Description, sampler: str) -> str:
    """Return the model's own spacing where the sampler has it, else the sampler's usual one."""
    spacings = model.schedule.spacings(sampler)
    return model.spacing if model.spacing in spacings or not spacings else spacings[0]
