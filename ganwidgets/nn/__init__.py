"""Torch tools owned by no capability: statistics that merge exactly, maps at other sizes, Fréchet distances."""
