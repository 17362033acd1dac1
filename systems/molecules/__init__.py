"""Molecules as clouds of atoms: QM9's twelve targets."""
