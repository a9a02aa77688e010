"""Columns of times in every form that shops deliver them, as UTC seconds."""
