"""Verbs that change shared state, at random beside each other, killed; a slow model judges."""
