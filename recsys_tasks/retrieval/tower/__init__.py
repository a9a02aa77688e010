"""The two-tower model: what it reads, how it is trained, its versions. TensorFlow is imported in
here only.
"""
