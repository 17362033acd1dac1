"""What every package leans on and no user needs: numerics, files, progress, interrupts, settings."""
