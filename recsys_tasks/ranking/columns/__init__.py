"""The columns of the rankers' input, filled by one function for training and serving."""
