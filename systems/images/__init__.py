"""Images as clouds of pixels on one grid: rotated digits to classify."""
