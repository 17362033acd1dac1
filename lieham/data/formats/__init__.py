"""One file for each format that trajectories are read from."""
