COMMENT ON VIEW recsys.recommendations IS
  'What every active user sees now, as published: one row per user and place, the first k places. Never filtered by later availability; recommend() does that.';
COMMENT ON COLUMN recsys.recommendations.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendations.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.recommendations.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendations.reason IS
  'Why it is there: for_you, because_of, again, popular, trending, new or promoted.';
COMMENT ON COLUMN recsys.recommendations.reason_item_id IS
  'The item that because_of speaks of; null for other reasons.';
COMMENT ON COLUMN recsys.recommendations.reason_item_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.recommendations.sources IS 'Candidate generators that named the item.';
COMMENT ON COLUMN recsys.recommendations.rank_before IS 'Place before the re-rank, 1 is best.';
COMMENT ON COLUMN recsys.recommendations.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendations.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendations.propensity IS
  'Chance that the item took this place; 1 for places without exploration.';
COMMENT ON COLUMN recsys.recommendations.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendations.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendations.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendations.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.recommendation_history IS
  'The lists of every publication still kept, published or not: one row per publication, user and place.';
COMMENT ON COLUMN recsys.recommendation_history.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendation_history.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.recommendation_history.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.recommendation_history.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.recommendation_history.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1].';
COMMENT ON COLUMN recsys.recommendation_history.reason IS
  'Why it is there: for_you, because_of, again, popular, trending, new or promoted.';
COMMENT ON COLUMN recsys.recommendation_history.reason_item_id IS
  'The item that because_of speaks of; null for other reasons.';
COMMENT ON COLUMN recsys.recommendation_history.reason_item_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.recommendation_history.sources IS 'Candidate generators that named the item.';
COMMENT ON COLUMN recsys.recommendation_history.rank_before IS 'Place before the re-rank, 1 is best.';
COMMENT ON COLUMN recsys.recommendation_history.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_history.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_history.propensity IS
  'Chance that the item took this place; 1 for places without exploration.';
COMMENT ON COLUMN recsys.recommendation_history.release IS
  'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendation_history.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendation_history.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendation_history.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.recommendation_history.published IS 'True once readers have seen this publication.';

COMMENT ON VIEW recsys.recommendation_lists IS
  'What every active user sees now, one row per user: the first k places as arrays, best first.';
COMMENT ON COLUMN recsys.recommendation_lists.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendation_lists.item_ids IS 'Items, best first.';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS 'Score of each item, in [0, 1]; the arrays are parallel.';
COMMENT ON COLUMN recsys.recommendation_lists.rung IS
  'How the list was made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.recommendation_lists.variant IS 'Experiment variant of the user.';
COMMENT ON COLUMN recsys.recommendation_lists.short_reason IS
  'Why the list has fewer than k items; null when it is full.';
COMMENT ON COLUMN recsys.recommendation_lists.release IS
  'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendation_lists.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendation_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendation_lists.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication: one row per item and place.';
COMMENT ON COLUMN recsys.similar_items.item_id IS 'The item asked about.';
COMMENT ON COLUMN recsys.similar_items.title IS 'Its title.';
COMMENT ON COLUMN recsys.similar_items.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.similar_items.similar_item_id IS 'A near item.';
COMMENT ON COLUMN recsys.similar_items.similar_title IS 'The near item''s title.';
COMMENT ON COLUMN recsys.similar_items.score IS 'Cosine similarity of the two item vectors, in [-1, 1].';
COMMENT ON COLUMN recsys.similar_items.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.similar_items.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, for users without a list of their own: one row per segment and place.';
COMMENT ON COLUMN recsys.fallback_lists.segment IS
  'Value of the users'' segment attribute; empty for all users together.';
COMMENT ON COLUMN recsys.fallback_lists.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.fallback_lists.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.fallback_lists.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1].';
COMMENT ON COLUMN recsys.fallback_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.fallback_lists.publication_id IS 'Publication it belongs to.';

COMMENT ON VIEW recsys.publications IS 'Every publication made, one row each.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.publications.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.publications.status IS
  'building, ready (checked, not yet shown), published (shown at some time), held (rolled back from), or failed.';
COMMENT ON COLUMN recsys.publications.current IS 'True for the one publication that readers see.';
COMMENT ON COLUMN recsys.publications.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.publications.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.publications.learned_before IS
  'Parameters, counts and item vectors know only what happened before this date.';
COMMENT ON COLUMN recsys.publications.history_before IS 'Users'' histories end before this date.';
COMMENT ON COLUMN recsys.publications.k IS 'Places of a list that readers see.';
COMMENT ON COLUMN recsys.publications.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.publications.checks IS
  'Result of every check, a JSON array of name, passed, severity, found, bound.';
COMMENT ON COLUMN recsys.publications.note IS 'Why it is not what readers see, where that needs saying.';
COMMENT ON COLUMN recsys.publications.created_at IS 'When it was begun.';
COMMENT ON COLUMN recsys.publications.published_at IS 'When readers first saw it; null if never.';
COMMENT ON COLUMN recsys.publications.retired_at IS 'When retention removed its lists; null while they are kept.';

COMMENT ON VIEW recsys.releases IS 'Every release of the models and what last happened to it.';
COMMENT ON COLUMN recsys.releases.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry.';
COMMENT ON COLUMN recsys.releases.promoted_at IS 'When it last became champion; null if never.';
COMMENT ON COLUMN recsys.releases.last_event IS 'registered, promoted, rejected, rolled_back or hand_moved.';
COMMENT ON COLUMN recsys.releases.last_why IS 'Reason given for the last event.';
COMMENT ON COLUMN recsys.releases.last_who IS 'Who or what caused the last event.';
COMMENT ON COLUMN recsys.releases.last_at IS 'Time of the last event.';

COMMENT ON VIEW recsys.gate_decisions IS 'Every verdict of the release gate, oldest first by id; rows never change.';
COMMENT ON COLUMN recsys.gate_decisions.id IS 'Running number.';
COMMENT ON COLUMN recsys.gate_decisions.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.gate_decisions.challenger IS 'Release that wanted to be champion.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion; null on the first night.';
COMMENT ON COLUMN recsys.gate_decisions.verdict IS 'promote, keep, or why there was none.';
COMMENT ON COLUMN recsys.gate_decisions.paragraph IS 'The verdict in words, with the figures.';
COMMENT ON COLUMN recsys.gate_decisions.rules IS 'Every rule with its figures, a JSON array.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS 'When it was decided.';

COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.metrics.scope IS 'What the figure is about, e.g. a stage, a slice or a release.';
COMMENT ON COLUMN recsys.metrics.name IS 'Name of the figure.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object.';

COMMENT ON VIEW recsys.alerts IS 'Every alert raised, one row an incident.';
COMMENT ON COLUMN recsys.alerts.id IS 'Running number.';
COMMENT ON COLUMN recsys.alerts.incident IS 'Key that makes repeats of one incident a single row.';
COMMENT ON COLUMN recsys.alerts.raised_at IS 'When it was first raised.';
COMMENT ON COLUMN recsys.alerts.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.alerts.dag IS 'Airflow DAG, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.task IS 'Airflow task, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.kind IS 'Kind of alert; names its runbook page.';
COMMENT ON COLUMN recsys.alerts.severity IS 'info, warning or critical.';
COMMENT ON COLUMN recsys.alerts.message IS 'What broke.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers see now and how old it is.';
COMMENT ON COLUMN recsys.alerts.remedy IS 'The command to run.';
COMMENT ON COLUMN recsys.alerts.runbook IS 'Link to the runbook page.';
COMMENT ON COLUMN recsys.alerts.delivered IS 'Channel to delivery result, a JSON object.';

COMMENT ON VIEW recsys.status IS 'The state of serving now: always one row; nulls before the first publication.';
COMMENT ON COLUMN recsys.status.publication_id IS 'Publication that readers see.';
COMMENT ON COLUMN recsys.status.as_of IS 'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.status.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.status.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.status.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.status.published_at IS 'When readers first saw that publication.';
COMMENT ON COLUMN recsys.status.moved_at IS 'When the pointer was last moved.';
COMMENT ON COLUMN recsys.status.moved_by IS 'Who moved it.';
COMMENT ON COLUMN recsys.status.age IS 'Time since then.';
COMMENT ON COLUMN recsys.status.on_hold IS 'True while nights publish without being shown.';
COMMENT ON COLUMN recsys.status.hold_who IS 'Who set the hold.';
COMMENT ON COLUMN recsys.status.hold_why IS 'Why.';
COMMENT ON COLUMN recsys.status.hold_since IS 'Since when.';
COMMENT ON COLUMN recsys.status.waiting IS 'Checked publications that are not shown.';
COMMENT ON COLUMN recsys.status.last_alert_at IS 'When the newest alert was raised.';
COMMENT ON COLUMN recsys.status.last_alert IS 'Its message.';

COMMENT ON FUNCTION recsys.recommend IS
  'The first k items for a user now: the current list without what is out of stock, topped up from its spares, then from the fallback lists; unknown users get the fallback.';
