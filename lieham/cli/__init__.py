"""The command line: `lieham demo | generate | train | forecast | conservation | audit | evaluate | data`, and more."""

from lieham.cli.main import main

__all__ = ["main"]
