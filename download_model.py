#!/usr/bin/env python3
"""Fetch the models named on the command line, or the two full models for this machine.

./download_model.py base.en
"""

from __future__ import annotations

import sys

from orchestrator.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["models", "get"]
    main()
