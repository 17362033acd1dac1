"""The command line: `lieham demo | generate | train | forecast | conservation | audit | evaluate | data | completion`."""

from lieham.cli.main import main

__all__ = ["main"]
