"""What is wrong with delivered values though each of them can be read: told by how the values of a
column look beside each other.
"""
