"""From scored candidates to a user's list: the cut, the order, the re-rank rules, the reasons."""
