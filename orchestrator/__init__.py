"""Say it, see it: speech to picture, offline, on your own machine."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports to its maker unless told otherwise before it loads. Nothing leaves this machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # its name before 1.31
