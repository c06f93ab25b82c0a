"""The judge: a classifier of the demo model's pictures by subject, colour, place and time.

It is a small convolutional network on 64x64 pixels, trained on drawn scenes only (`train_judge.py`). It needs
onnxruntime alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.demo.files import JUDGE
from training.demo.world import COLOURS, PAINTED_SUBJECTS, PLACES, TIMES, Scene

SIDE = 64
ANSWERS: dict[str, tuple[str, ...]] = {
    "subject": PAINTED_SUBJECTS,
    "colour": COLOURS,
    "place": tuple(PLACES),
    "time": tuple(TIMES),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a picture shows, and the probability of each answer."""

    subject: str
    colour: str
    place: str
    time: str
    confidence: Mapping[str, float]

    def compare(self, scene: Scene) -> dict[str, bool]:
        """Return, for each question, whether the answer is the scene's."""
        return {question: getattr(self, question) == getattr(scene, question) for question in ANSWERS}


def shrink(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average bytes (n, h, w, 3) down to (n, 3, 64, 64) from 0 to 1."""
    n, height, width, _ = pictures.shape
    cells = pictures.reshape(n, SIDE, height // SIDE, SIDE, width // SIDE, 3).mean((2, 4), dtype=np.float32)
    return np.ascontiguousarray(cells.transpose(0, 3, 1, 2) / 255, dtype=np.float32)


class Judge:
    """The network in onnxruntime."""

    def __init__(self, path: Path = JUDGE) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def classify(self, pictures: NDArray[np.uint8]) -> list[Verdict]:
        """Classify bytes (n, h, w, 3), each side a multiple of 64."""
        logits = dict(zip(ANSWERS, self.session.run(list(ANSWERS), {"picture": shrink(pictures)}), strict=True))
        return [
            to_verdict({question: rows[place] for question, rows in logits.items()}) for place in range(len(pictures))
        ]


def to_verdict(logits: Mapping[str, NDArray[np.float32]]) -> Verdict:
    """Return the answers with the highest logits."""
    answers, confidence = {}, {}
    for question, row in logits.items():
        exponentials = np.exp(row - row.max())
        best = int(row.argmax())
        answers[question], confidence[question] = (
            ANSWERS[question][best],
            float(exponentials[best] / exponentials.sum()),
        )
    return Verdict(**answers, confidence=confidence)
