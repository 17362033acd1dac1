"""Helpers that every package uses and no user needs: numerics, files, progress, interrupts, settings."""
