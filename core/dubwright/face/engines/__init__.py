"""Engines that follow faces."""
