COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item of its catalogue, zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.item_exposure.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_exposure.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_exposure.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_exposure.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_exposure.lists IS 'Lists that show the item.';
COMMENT ON COLUMN recsys.item_exposure.first_places IS 'Lists that show it first.';
COMMENT ON COLUMN recsys.item_exposure.share IS 'Share of the publication''s lists that show it, in [0, 1].';

COMMENT ON VIEW recsys.list_counts IS
  'How many lists of each publication are alike in segment, variant, rung and shortness: one row per such group, kept after the lists themselves are gone.';
COMMENT ON COLUMN recsys.list_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.list_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.list_counts.segment IS 'Value of the users'' segment attribute; null without one.';
COMMENT ON COLUMN recsys.list_counts.variant IS 'Experiment variant of the users.';
COMMENT ON COLUMN recsys.list_counts.rung IS
  'How the lists were made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.list_counts.short_reason IS 'Why the lists have fewer than k items; null for full ones.';
COMMENT ON COLUMN recsys.list_counts.lists IS 'Number of lists.';
COMMENT ON COLUMN recsys.list_counts.places IS 'Items in their first k places together.';

COMMENT ON VIEW recsys.user_sample IS
  'A fixed sample of 500 to 1,000 users (all of them in a smaller shop), the same every night until the shop has doubled: for questions about single lists of a large shop.';
COMMENT ON COLUMN recsys.user_sample.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.user_sample.segment IS 'Value of the user''s segment attribute; null without one.';

COMMENT ON VIEW recsys.publication_moves IS
  'Every time readers were shown another publication, by a night or by a person; rows never change.';
COMMENT ON COLUMN recsys.publication_moves.id IS 'Running number.';
COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When.';
COMMENT ON COLUMN recsys.publication_moves.moved_by IS 'Who: "nightly", or the person who rolled back or resumed.';
COMMENT ON COLUMN recsys.publication_moves.why IS 'published, resumed, or "rollback: " and the reason given.';
COMMENT ON COLUMN recsys.publication_moves.from_publication IS 'What readers saw before; null the first time.';
COMMENT ON COLUMN recsys.publication_moves.from_as_of IS 'Night of that publication.';
COMMENT ON COLUMN recsys.publication_moves.to_publication IS 'What they saw from then on.';
COMMENT ON COLUMN recsys.publication_moves.to_as_of IS 'Night of that publication.';

COMMENT ON TABLE recsys.erasures IS
  'Erasures of users: a line when one begins, a line when a search of everything found nothing; append-only, without ids.';

COMMENT ON FUNCTION recsys.open_partition IS 'Make the table of a new publication''s lists, not seen by readers.';
COMMENT ON FUNCTION recsys.seal_partition IS 'Index a loaded publication''s lists, attach them, and take the writer''s rights to change them.';
COMMENT ON FUNCTION recsys.drop_partition IS 'Drop a publication''s lists; refused for the one that readers see.';
COMMENT ON FUNCTION recsys.distinct_entries IS 'How many different numbers a list holds; the checks of a publication ask it.';
COMMENT ON FUNCTION recsys.forget_row_hash IS 'Trigger that makes the next night compare a row that was changed by hand.';
COMMENT ON FUNCTION recsys.refuse_change IS 'Trigger that makes a table append-only.';
COMMENT ON FUNCTION recsys.skip_erased IS 'Trigger that keeps the reserved keys of erased users out of recsys.users.';
COMMENT ON FUNCTION recsys.prose_columns IS 'Columns in which a person or a message may have named a user.';
COMMENT ON FUNCTION recsys.erase_user IS
  'Count what each table holds of one user and, unless it is a dry run, remove it; `recsys erase-user` calls it.';
COMMENT ON FUNCTION recsys.count_entries IS
  'Count the entries of a loaded publication''s lists by item, for its checks and for item_exposure.';
COMMENT ON FUNCTION recsys.summarise_publication IS
  'Count a checked publication''s lists by kind, for list_counts, and add the items that none of them shows.';
COMMENT ON FUNCTION recsys.uncount_list IS 'Take one list out of these counts.';
COMMENT ON FUNCTION recsys.forget_exposure IS 'Trigger that drops the counts by item of a retired publication.';
