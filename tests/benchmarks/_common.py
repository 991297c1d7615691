"""What the benchmarks share: arguments, and figures as a flat JSON document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

Figures = dict[str, float]


def run(description: str, measure: Callable[[bool], Figures]) -> None:
    """Parse --quick and --json, measure, and print the figures."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller run, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    figures = measure(options.quick)
    for name, value in figures.items():
        print(f"{name:44} {value:10.4f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
