"""What a network's output means: one small object for each convention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from orchestrator.diffusion import Array
from orchestrator.diffusion.noise import Level


class Prediction(Protocol):
    """How a network was trained to answer.

    The timestep that the network expects at a noise level is the level's own: see `noise`.
    """

    def scale_input(self, sample: Array, level: Level) -> Array:
        """Return the sample in the scale of the network's input."""

    def split(self, output: Array, sample: Array, level: Level) -> tuple[Array, Array]:
        """Return the denoised sample and the noise in the sample, according to the network's output."""


class UnitVariance:
    """The input scale of epsilon, v and EDM networks: samples as they are, of unit variance."""

    def scale_input(self, sample: Array, level: Level) -> Array:  # noqa: ARG002 - part of the protocol
        return sample


class Epsilon(UnitVariance):
    """The output is the noise, 2006.11239."""

    def split(self, output: Array, sample: Array, level: Level) -> tuple[Array, Array]:
        return (sample - level.noise * output) / level.signal, output


class Velocity(UnitVariance):
    """The output is v, the derivative of the sample by the angle between data and noise, 2202.00512."""

    def split(self, output: Array, sample: Array, level: Level) -> tuple[Array, Array]:
        return level.signal * sample - level.noise * output, level.signal * output + level.noise * sample


class Edm(UnitVariance):
    """The output is F of 2206.00364, table 1: in samples of unit variance, v with its sign turned."""

    def split(self, output: Array, sample: Array, level: Level) -> tuple[Array, Array]:
        return level.signal * sample + level.noise * output, level.noise * sample - level.signal * output


PREDICTIONS: dict[str, Prediction] = {"epsilon": Epsilon(), "v": Velocity(), "edm": Edm()}


@dataclass(frozen=True, kw_only=True)
class Denoiser:
    """A network and the meaning of its output."""

    network: Callable[[Array, Level], Array]  # scaled sample rows and a level to output rows
    prediction: Prediction

    def output(self, sample: Array, level: Level) -> Array:
        """Return the network's output."""
        return self.network(self.prediction.scale_input(sample, level), level)

    def __call__(self, sample: Array, level: Level) -> tuple[Array, Array]:
        """Return the denoised sample and the noise in the sample."""
        return self.prediction.split(self.output(sample, level), sample, level)
