"""Measurements, outside the wheel: `python -m benchmarks list` names them. README.md says what each measures."""
