"""The default learner: ridge regression on a dictionary of invariants, posed in weak form.

**The equation.** A model with one gated block has an energy that is linear in its kernel's last weights,
H(q, p) = H₀(q, p) + Σ_fk θ_fk Φ_fk(q, p) (`dynamics.Dictionary`). The functions Φ are sums over pairs of bodies of
invariants of the declared group (coordinates, radial functions at many scales, a hidden layer), each weighed by k
products of what the two bodies are. So whatever θ is, H keeps the symmetry, and the learned flow the momenta.

**The rows.** Hamilton's equations are integrated over every step of length h between observed points, as in the weak
form of SINDy with a test function that is constant over a step: with F = −Σ θ ∂Φ/∂q (`weak_form`),

    p_{k+1} − p_k = ∫ F dt,    q_{k+1} − q_k − h p_k/m = ∫ (t_{k+1} − t) F/m dt.

Between the points the path is the polynomial through positions and velocities, and the integrals are taken by
Gauss-Legendre's rule (`interpolant`). No derivative of the data is formed, and no trajectory is integrated. Windows
whose points do not show their path, as in a close encounter, give ΔV = −ΔK from point to point instead
(`energy_rows`), with Huber's weights for outliers (`robust`). Where momenta are missing or noisy, the initial state
of every window is unknown too and is eliminated by variable projection (`state_elimination`).

**The choice of columns and ridge.** Functions have a rank, from the plain coordinates on to narrower and narrower
radial functions. Nested sets of at most 800 columns and 16 strengths of the ridge are judged by five-fold
cross-validation over windows, in the geometric mean of the error; the simplest choice within a factor of 2 of the
best is taken, and one or two products of what two bodies are where they predict as well (`cross_validation`). Where
pairs leave more than 1e-6 of the mean square of held-out windows, terms of three bodies are tried and then of four,
and taken if they leave half (`lift_choice`); up to some 10,000 columns are solved by normal equations that are summed
up part by part (`wide`). Up to four Gauss-Newton corrections on the shooting loss take out what path and quadrature
got wrong (`ridge_stage`).

**Labels.** Where the forces are known at the points, from the file or from steps of velocity Verlet, the rows are
−Σ θ ∂Φ/∂q = F at single configurations (`force_rows`), and nothing is interpolated.

**Its limits.** It needs a model that is linear in its last kernel: one gated block, a lift that is exact. It finds
what its dictionary holds: sums over pairs, or terms of up to four bodies with `lift="tensor"`. It interpolates, so
the force at distances that no pair of the data had is a guess. Noise is found by `fit`, which then takes
`observed="noisy"`; one step must be short enough that two points of five can be interpolated from the other three to a
tenth of the motion. Where the loss stays above `TrainConfig.tolerance`, Adam and L-BFGS follow; `History.learner` says
which of them made the result.

**Its literature.** Weak SINDy: Messenger and Bortz, Multiscale Model. Simul. 19 (2021) 1474. Variable projection:
Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413. Interaction kernels by least squares from trajectories: Lu,
Zhong, Tang and Maggioni, PNAS 116 (2019) 14424. Robust weights: Huber, Ann. Math. Statist. 35 (1964) 73.

Everything here sees a model through two contracts, `dynamics.Hamiltonian` and `dynamics.Dictionary`, and knows no
network.
"""

from lieham.regression.lift_choice import LiftChoice, choose_lift
from lieham.regression.ridge_stage import RidgeStage
from lieham.regression.state_elimination import StateEliminationStage

__all__ = ["LiftChoice", "RidgeStage", "StateEliminationStage", "choose_lift"]
