"""Scripts with options of their own, which print their tables and keep no results."""
