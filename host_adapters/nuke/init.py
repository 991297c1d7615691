"""Nuke runs this at every start, with windows or without: Dubwright's modules become importable."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for _place in (HERE, HERE.parents[1] / "plugin"):
    if str(_place) not in sys.path:
        sys.path.append(str(_place))
