"""Evaluation, the gate and the model registry."""
