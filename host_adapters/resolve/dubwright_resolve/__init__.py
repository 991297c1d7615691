"""Dubwright in DaVinci Resolve: a timeline goes out, its dubs come back as timelines beside it.

Standard library only, Python 3.9 and newer; dubwright_plugin must be importable.
"""
