-- What the numbers in list rows mean. They keep their meaning for ever, so that publications decode as they were made;
-- a night adds the names that are new to this database before its publication.
CREATE TABLE recsys.source_names (
  bit  smallint PRIMARY KEY CHECK (bit BETWEEN 0 AND 14),
  name text     NOT NULL UNIQUE
);
INSERT INTO recsys.source_names VALUES
  (0, 'two_tower'), (1, 'covisitation'), (2, 'own_history'), (3, 'segment_popular'), (4, 'trending'), (5, 'fresh');
COMMENT ON TABLE recsys.source_names IS 'Candidate generators by their bit in list_rows.sources; source_sets has every set of them.';

CREATE TABLE recsys.reason_names (
  code smallint PRIMARY KEY CHECK (code BETWEEN 0 AND 127),
  name text     NOT NULL UNIQUE
);
INSERT INTO recsys.reason_names VALUES
  (0, 'for_you'), (1, 'because_of'), (2, 'again'), (3, 'popular'), (4, 'trending'), (5, 'new'), (6, 'promoted');
COMMENT ON TABLE recsys.reason_names IS 'Reasons by their code in list_rows.reasons: 0 and on, without a gap.';

GRANT SELECT ON recsys.source_names, recsys.reason_names TO recsys_writer;

-- So that plans that read the few names are not costed as if there were a thousand.
ANALYZE recsys.source_names, recsys.reason_names;
