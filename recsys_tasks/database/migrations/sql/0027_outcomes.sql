-- What became of the lists: places by reason, what users did with them, and how each list changed.

CREATE TABLE recsys.place_count_rows (
  publication_id bigint   NOT NULL,
  segment        text     NOT NULL,
  rank           smallint NOT NULL,
  reason         smallint NOT NULL,
  places         bigint   NOT NULL,
  PRIMARY KEY (publication_id, segment, rank, reason)
);

CREATE TABLE recsys.outcome_windows (
  publication_id bigint      NOT NULL,
  event          text        NOT NULL,
  days           smallint    NOT NULL,
  window_start   timestamptz NOT NULL,
  window_end     timestamptz NOT NULL,
  complete       boolean     NOT NULL,
  PRIMARY KEY (publication_id, event)
);

CREATE TABLE recsys.outcome_rows (
  publication_id bigint           NOT NULL,
  user_key       int              NOT NULL,
  rank           smallint         NOT NULL,
  event          text             NOT NULL,
  item_key       int              NOT NULL,
  reason         smallint         NOT NULL,
  segment        text             NOT NULL,
  times          int              NOT NULL,
  amount         double precision,
  PRIMARY KEY (publication_id, user_key, rank, event)
);

CREATE TABLE recsys.outcome_count_rows (
  publication_id bigint           NOT NULL,
  segment        text             NOT NULL,
  rank           smallint         NOT NULL,
  reason         smallint         NOT NULL,
  event          text             NOT NULL,
  places_with    bigint           NOT NULL,
  times          bigint           NOT NULL,
  amount         double precision,
  PRIMARY KEY (publication_id, segment, rank, reason, event)
);

CREATE TABLE recsys.list_change_rows (
  publication_id bigint   NOT NULL,
  before_id      bigint   NOT NULL,
  user_key       int      NOT NULL,
  places         smallint NOT NULL,
  new_items      smallint NOT NULL,
  gone_items     smallint NOT NULL,
  moved_items    smallint NOT NULL,
  off_offer      smallint NOT NULL,
  own_events     int      NOT NULL,
  PRIMARY KEY (publication_id, user_key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
  recsys.place_count_rows, recsys.outcome_windows, recsys.outcome_rows, recsys.outcome_count_rows, recsys.list_change_rows
  TO recsys_writer;
GRANT DELETE ON recsys.item_exposure_rows TO recsys_writer;
