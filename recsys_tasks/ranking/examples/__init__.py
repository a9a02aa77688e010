"""The examples that rankers learn from: candidates at a past cutoff, labelled by what came after
it.
"""
