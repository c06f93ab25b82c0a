"""An optimiser: Muon for matrices, Adam for everything else.

Muon (Jordan et al., 2024) steps along the orthogonal matrix nearest to the momentum. The factor 0.2 sqrt(longer side)
gives its steps the size of Adam's, so that both use one learning rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

MOMENTUM, BETAS, EPSILON, DECAY = 0.95, (0.9, 0.98), 1e-8, 0.01


def gradient(parameter: nn.Parameter) -> Tensor:
    """Return a parameter's gradient."""
    if parameter.grad is None:
        raise ValueError("a parameter has no gradient; call backward() before step()")
    return parameter.grad


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return approximately the nearest orthogonal matrices, by five Newton-Schulz iterations."""
    x = matrices.bfloat16()
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Muon for parameters of two or more dimensions that are no embeddings; Adam for the others."""

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], rate: float) -> None:
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in named:
            groups[parameter.ndim >= 2 and "embedding" not in name].append(parameter)
        super().__init__([{"params": members, "muon": muon} for muon, members in groups.items()], {"lr": rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:  # noqa: ARG002  (torch's signature)
        """Update the parameters; `closure` is not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * DECAY if parameter.ndim >= 2 else 1)
            (self.muon if group["muon"] else self.adam)(group["params"], group["lr"])

    def muon(self, parameters: list[nn.Parameter], rate: float) -> None:
        """Update matrices, those of the same shape together."""
        shapes: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        for parameter in parameters:
            shapes[parameter.shape[0], parameter[0].numel()].append(parameter)
        updates = [self.directions(members, shape) for shape, members in shapes.items()]
        flat = torch.cat([update.reshape(-1) for update in updates])
        if dist.is_initialized():
            dist.all_reduce(flat)
        parts = iter(flat.split([parameter.numel() for members in shapes.values() for parameter in members]))
        for shape, members in shapes.items():
            for parameter in members:
                parameter.add_(next(parts).view(parameter.shape), alpha=-rate * 0.2 * max(shape) ** 0.5)

    def directions(self, members: list[nn.Parameter], shape: tuple[int, int]) -> Tensor:
        """Return update directions for matrices of one shape; each of several processes computes its share."""
        place, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        momenta = torch.zeros(len(members), *shape)
        for index, parameter in enumerate(members):
            momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
            momentum.lerp_(gradient(parameter), 1 - MOMENTUM)
            momenta[index] = gradient(parameter).lerp(momentum, MOMENTUM).reshape(shape)
        mine = slice(place, None, processes)
        result = torch.zeros_like(momenta)
        if len(members) > place:
            result[mine] = orthogonalize(momenta[mine])
        return result

    def adam(self, parameters: list[nn.Parameter], rate: float) -> None:
        """Update vectors and embeddings."""
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state.update(count=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
            state["count"] += 1
            state["mean"].lerp_(gradient(parameter), 1 - BETAS[0])
            state["square"].lerp_(gradient(parameter).square(), 1 - BETAS[1])
            mean, square = (
                state[name] / (1 - beta ** state["count"]) for name, beta in zip(("mean", "square"), BETAS, strict=True)
            )
            parameter.addcdiv_(mean, square.sqrt() + EPSILON, value=-rate)
