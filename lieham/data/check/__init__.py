"""This package checks trajectories before anything is learned from them: do they contradict themselves, and where?"""

from lieham.data.check.examine import check
from lieham.data.check.findings import DataCheck, Finding, Suspect

__all__ = ["DataCheck", "Finding", "Suspect", "check"]
