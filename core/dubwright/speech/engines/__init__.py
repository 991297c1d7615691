"""Engines that speak and align."""
