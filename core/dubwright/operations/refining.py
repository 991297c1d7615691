"""How long a network learns an actor's mouth."""

from __future__ import annotations

from typing import Final

__all__ = ["MOST_RUNS", "ROUNDS", "ROUND_STEPS", "SEED"]

# A round is a task: a kill loses the one that runs.
ROUND_STEPS: Final = 250
ROUNDS: Final = 12
SEED: Final = 1
# Runs of frames that are drawn to learn from, of all shots together.
MOST_RUNS: Final = 60
