"""One user's data, found, shown and taken out: `database`, `lake` (`traces`: what each kind of
artifact holds of a user), and `home`, the texts beside them.
"""
