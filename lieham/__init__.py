"""lieham learns the Hamiltonian of an n-body system from trajectories, forecasts it, and shows what is conserved.

Names are imported when first used, so that `lieham --help` does not wait for torch; `__init__.pyi` lists them.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_names, "__version__"]
