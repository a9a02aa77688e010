"""A night's lists at scale: computed, loaded, checked, published and read."""
