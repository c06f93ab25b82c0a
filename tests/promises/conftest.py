"""Promises have a short form, which every test run has, and a long one: `make promises`, which tells what was seen."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [
        (report.nodeid.rpartition("/")[2], text)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == "seen"
    ]
    if told:
        terminalreporter.section("what was seen")
        for where, text in told:
            terminalreporter.write_line(f"{where}: {text}")
