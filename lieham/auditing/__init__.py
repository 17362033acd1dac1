"""Audits examine whether a Hamiltonian, a potential or a force has the symmetry that it declares.

The function may come from lieham or from anybody.

An audit draws configurations and motions, ordinary and nasty ones, and searches for the worst. `Check` is one row of
its report. A new check is a function that gives `report.judged(...)`, called in `auditing/audit.py`.
"""

from lieham.auditing.audit import assert_sound, audit
from lieham.auditing.config import KINDS, MOVES, AuditConfig
from lieham.auditing.report import BROKEN, EXACT, ON_AVERAGE, ROUND_OFF, VERDICTS, Audit, Check

__all__ = [
    "BROKEN",
    "EXACT",
    "KINDS",
    "MOVES",
    "ON_AVERAGE",
    "ROUND_OFF",
    "VERDICTS",
    "Audit",
    "AuditConfig",
    "Check",
    "assert_sound",
    "audit",
]
