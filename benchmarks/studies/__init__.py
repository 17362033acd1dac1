"""The studies: each has `SIZES`, `run(given)` and `table(results)`, and keeps its results as JSON."""
