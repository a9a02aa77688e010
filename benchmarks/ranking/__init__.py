"""Rankers and features at scale: seconds and memory."""
