-- Items that nobody has taken yet stand outside a tower version's own measure.

COMMENT ON COLUMN recsys.tower_versions.recall_before IS
  'Share of the held-back events whose item is among the 100 nearest of all that anyone has taken, by the version that it follows, in [0, 1]; null for a cold one.';
