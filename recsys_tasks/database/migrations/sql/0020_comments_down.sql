-- The words before 0020.

COMMENT ON COLUMN recsys.recommendations.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendations.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_history.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_history.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_lists.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_lists.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.list_counts.rung IS
  'How the lists were made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.list_counts.variant IS 'Experiment variant of the users.';
COMMENT ON COLUMN recsys.release_history.event IS
  'registered, promoted, rejected, rolled_back, hand_moved, anchored or shadowed.';
COMMENT ON COLUMN recsys.releases.last_event IS
  'registered, promoted, rejected, rolled_back, hand_moved, anchored or shadowed.';
