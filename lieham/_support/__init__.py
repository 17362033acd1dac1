"""This package holds helpers that every package uses and no user needs: numerics, files, progress, settings, ..."""
