"""`python -m lieham.cli`."""

import sys

from lieham.cli import main

sys.exit(main())
