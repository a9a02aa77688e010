"""Candidates of users: the generators' tables and lists, and the fusion of all lists into one."""
