"""What is learned from each kind of data: trajectories, and clouds of points."""
