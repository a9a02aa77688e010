"""The nearest-neighbour index: exact search, ScaNN, and the choice between them. ScaNN is imported
in here only.
"""
