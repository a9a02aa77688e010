"""The simulated shop: a source whose users react to the lists that they get."""
