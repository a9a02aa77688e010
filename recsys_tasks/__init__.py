"""Nightshelf: every user's ranked list, rebuilt every night. What is computed; imports no
Airflow.
"""

__version__ = "0.1.0"
