COMMENT ON COLUMN recsys.tower_versions.recall_before IS
  'Share of the held-back events among the 100 nearest items by the version that it follows, in [0, 1]; null for a cold one.';
