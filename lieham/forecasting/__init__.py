"""Forecasts follow a learned Hamiltonian from initial states, with steps that suit the motion."""

from lieham.forecasting.rollout import Forecast, forecast

__all__ = ["Forecast", "forecast"]
