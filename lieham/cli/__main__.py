"""This module runs the command line for `python -m lieham.cli`."""

import sys

import lieham.cli

sys.exit(lieham.cli.main())
