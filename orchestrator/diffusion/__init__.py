"""Denoising: noise schedules, predictions, guidance and samplers, for arrays of any shape and meaning.

Samples keep unit variance: sample = signal * data + noise * gaussian, with signal^2 + noise^2 = 1. Their first axis is
a row for each result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
