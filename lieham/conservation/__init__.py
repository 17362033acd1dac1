"""Reports of conservation follow the charges of a forecast.

Momentum maps come from the generators of a group; a report measures their drift and certifies each of them.
"""

from lieham.conservation.certificate import Certificate, certify
from lieham.conservation.charges import Charge, Conservation
from lieham.conservation.drift import conservation
from lieham.conservation.momentum import boost, centre_of_mass_frame, charge_scale, momentum_map

__all__ = [
    "Certificate",
    "Charge",
    "Conservation",
    "boost",
    "centre_of_mass_frame",
    "certify",
    "charge_scale",
    "conservation",
    "momentum_map",
]
