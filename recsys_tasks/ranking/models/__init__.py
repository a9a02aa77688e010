"""The rankers: LightGBM models, their training, calibration and compiled form. LightGBM is imported
in here only.
"""
