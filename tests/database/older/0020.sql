-- What is really made: rungs and variants that no stage produces are not told as if one did.

COMMENT ON COLUMN recsys.recommendations.rung IS
  'How the list was made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. recommend() adds rows of the fallback lists, popularity. No stage makes light or previous today.';
COMMENT ON COLUMN recsys.recommendation_history.rung IS
  'How the list was made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. recommend() adds rows of the fallback lists, popularity. No stage makes light or previous today.';
COMMENT ON COLUMN recsys.recommendation_lists.rung IS
  'How the list was made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. recommend() adds rows of the fallback lists, popularity. No stage makes light or previous today.';
COMMENT ON COLUMN recsys.list_counts.rung IS
  'How the lists were made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. No stage makes light, previous or popularity today.';
COMMENT ON COLUMN recsys.recommendations.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.recommendation_history.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.recommendation_lists.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.list_counts.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.release_history.event IS
  'registered, promoted, rejected, rolled_back, hand_moved (an alias was moved in MLflow), anchored, or shadowed (the alias shadow was moved in MLflow; no stage reads it).';
COMMENT ON COLUMN recsys.releases.last_event IS
  'registered, promoted, rejected, rolled_back, hand_moved (an alias was moved in MLflow), anchored, or shadowed (the alias shadow was moved in MLflow; no stage reads it).';
