-- Why each place of a sample is there, what everyone did beside what the lists' users did with their places, and the items that each segment is shown most.

ALTER TABLE recsys.outcome_windows ADD COLUMN users bigint, ADD COLUMN times bigint, ADD COLUMN amount double precision;

-- until: a day's number since 1970-01-01, the night that counted.
CREATE TABLE recsys.item_event_rows (
  item_key int              NOT NULL,
  event    text             NOT NULL,
  until    int              NOT NULL,
  users    bigint           NOT NULL,
  times    bigint           NOT NULL,
  amount   double precision,
  PRIMARY KEY (item_key, event)
);

CREATE TABLE recsys.segment_item_rows (
  publication_id bigint NOT NULL,
  segment        text   NOT NULL,
  item_key       int    NOT NULL,
  lists          bigint NOT NULL,
  PRIMARY KEY (publication_id, segment, item_key)
);

-- Features of a place in the order of their strength; a value that was unknown is NaN.
CREATE TABLE recsys.place_reason_rows (
  publication_id bigint   NOT NULL REFERENCES recsys.publication,
  user_key       int      NOT NULL,
  rank           smallint NOT NULL,
  item_key       int      NOT NULL,
  place          smallint NOT NULL,
  feature        text     NOT NULL,
  held           real     NOT NULL,
  contribution   real     NOT NULL,
  PRIMARY KEY (publication_id, user_key, rank, place)
);

CREATE TABLE recsys.recommend_call_rows (
  day     date   NOT NULL,
  outcome text   NOT NULL,
  calls   bigint NOT NULL,
  PRIMARY KEY (day, outcome)
);

-- What the server's counters were when they were noted last.
CREATE TABLE recsys.recommend_call_marks (
  name  text   PRIMARY KEY,
  calls bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
  recsys.place_reason_rows, recsys.item_event_rows, recsys.segment_item_rows, recsys.recommend_call_rows,
  recsys.recommend_call_marks TO recsys_writer;
