"""This package is the command line: `lieham demo | generate | train | forecast | conservation | audit | ...`."""

from lieham.cli.main import main

__all__ = ["main"]
