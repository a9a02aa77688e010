"""The data checks: what makes a row or a delivery unfit, and what to do about it."""
