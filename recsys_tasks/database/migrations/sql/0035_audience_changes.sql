-- Who kept, gained and lost a list since the night before, and how many lists went with erased users.

ALTER TABLE recsys.publication ADD COLUMN erased_lists bigint NOT NULL DEFAULT 0;

CREATE TABLE recsys.audience_change_rows (
  publication_id bigint NOT NULL,
  before_id      bigint NOT NULL,
  segment        text   NOT NULL,
  change         text   NOT NULL CHECK (change IN ('kept', 'gained', 'lost')),
  why            text   NOT NULL,
  users          bigint NOT NULL,
  PRIMARY KEY (publication_id, segment, change, why)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.audience_change_rows TO recsys_writer;
