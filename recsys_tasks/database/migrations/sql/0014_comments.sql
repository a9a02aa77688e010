COMMENT ON COLUMN recsys.recommendations.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON VIEW recsys.recommendations IS
  'What every user with a list of their own sees now, as published: one row per user and place, the first k places. Never filtered by later availability; recommend() does that. Users without a list are in audience.';
COMMENT ON VIEW recsys.recommendation_history IS
  'The lists of every publication still kept, shown to readers or not: one row per publication, user and place.';
COMMENT ON COLUMN recsys.recommendation_history.segment IS
  'Value of the user''s segment attribute by the newest night, not by the list''s own; null without one.';
COMMENT ON VIEW recsys.recommendation_lists IS
  'What every user with a list of their own sees now, one row per user: the first k places as arrays, best first. Users without a list are in audience.';
COMMENT ON COLUMN recsys.recommendation_lists.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';

COMMENT ON VIEW recsys.audience IS
  'Every user the shop ever named, one row each, and what recommend() answers them with now: nobody is left out, as inactive users are of the lists.';
COMMENT ON COLUMN recsys.audience.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.audience.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.audience.served_by IS
  'own: a list of the user''s own; without one, as users below activity.min_events in activity.within_days are, segment: the fallback list of the segment, or everyone: that of all users. Null before the first publication.';
COMMENT ON COLUMN recsys.audience.as_of IS 'Night of the publication that readers see.';
COMMENT ON COLUMN recsys.audience.publication_id IS 'That publication.';

COMMENT ON VIEW recsys.catalogue IS
  'Every item the shop ever named, one row each, sold out and delisted ones too: is it on offer now, and since when does it exist?';
COMMENT ON COLUMN recsys.catalogue.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.catalogue.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.catalogue.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.catalogue.available IS
  'Whether recommend() may show it now: the newest that a night or the shop has reported.';
COMMENT ON COLUMN recsys.catalogue.available_from IS
  'UTC day since which it exists: its launch by the shop''s own column, else the first night that knew it, and never after its first event. Being out of stock does not change it. Null where no night has written it yet.';

COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item that was on offer that night, or shown; zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.available_from IS
  'UTC day since which the item exists, as in catalogue: a new item by age, not one that is back in stock.';

COMMENT ON VIEW recsys.publications IS
  'Every publication made, one row each. Times are in the shop''s clock: of a simulated shop, those of its nights.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Number of the publication.';

COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When, in the shop''s clock.';

COMMENT ON COLUMN recsys.releases.release IS 'Id of the release.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry; null where that is not on record.';

COMMENT ON COLUMN recsys.gate_decisions.as_of IS 'Night that judged: on what users did in the window before 00:00 UTC of it.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion then; null while there was none.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS
  'When it was written down, by the database''s clock, of a simulated shop too.';

COMMENT ON VIEW recsys.metrics IS 'Figures of the nightly runs: one row per night, scope and name; a rerun replaces them.';
COMMENT ON COLUMN recsys.metrics.as_of IS
  'Night that the figure is about: of realised figures the night whose lists were measured, one earlier than the night that measured them; else the night itself.';
COMMENT ON COLUMN recsys.metrics.scope IS
  'What the figure is about. lists: the night''s lists; churn: how they differ from the lists before; drift: how events and scores differ from before; realised: what their users did until the next night, by any event of the objectives, realised/event=NAME by one kind of event, realised/objective=NAME by one objective; gate/challenger: tonight''s challenger on the gate window; gate/generator=NAME: one candidate generator on it.';
COMMENT ON COLUMN recsys.metrics.name IS
  'Name of the figure, @k for the first k places. Of realised scopes: ndcg, hr (hit rate), precision, recall, map, mrr; popular/NAME is the same of plain popular items for the same users; users: how many of them did anything, active_share of all with a list; shown: 1 where readers saw those lists at all. Of lists: coverage@k is the share of all items ever named that some list shows, coverage_on_offer@k that of the items on offer that night; popularity_share@k, gini@k, identical_share, short_share and rung_share/RUNG are what they are called. Of churn: mean, the share of places that changed. Of drift: event_mix_psi and score_psi.';
COMMENT ON COLUMN recsys.metrics.value IS 'The figure; null when it could not be computed, such as a mean over nobody.';
COMMENT ON COLUMN recsys.metrics.extra IS 'Details, a JSON object; empty where there are none.';

COMMENT ON COLUMN recsys.alerts.as_of IS 'Night that it is about; null where it is about none.';
COMMENT ON COLUMN recsys.alerts.raised_at IS
  'When it was first raised: of an alarm in the shop''s clock, of a run that failed in the machine''s, which differ in a simulated shop.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers saw when it was raised, and how old that was.';

COMMENT ON COLUMN recsys.status.as_of IS 'Night of that publication: its lists know what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.status.published_at IS 'When readers first saw that publication, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.moved_at IS 'When the pointer was last moved, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.age IS 'Time since moved_at in the shop''s clock: shop_time less moved_at.';
COMMENT ON COLUMN recsys.status.hold_since IS 'Since when, in the shop''s clock.';
COMMENT ON COLUMN recsys.status.last_alert_at IS 'When the alert that came last was raised, as alerts has it.';
COMMENT ON COLUMN recsys.status.shop_time IS
  'Now in the shop''s clock: the database''s time, or of a simulated shop that of its newest night.';
