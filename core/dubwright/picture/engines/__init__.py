"""Engines that draw mouths."""
