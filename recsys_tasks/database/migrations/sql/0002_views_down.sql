DROP FUNCTION recsys.recommend;
DROP VIEW recsys.status, recsys.alerts, recsys.metrics, recsys.gate_decisions, recsys.releases, recsys.publications,
  recsys.fallback_lists, recsys.similar_items, recsys.recommendation_lists, recsys.recommendation_history,
  recsys.recommendations, recsys.entries;
