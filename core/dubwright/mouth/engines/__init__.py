"""Engines that predict mouth curves."""
