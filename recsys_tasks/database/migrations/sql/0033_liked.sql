-- What users of the same taste liked that a user has not had.

CREATE TABLE recsys.liked_rows (
  publication_id bigint NOT NULL REFERENCES recsys.publication,
  user_key       int    NOT NULL,
  items          int[]  NOT NULL,
  likers         int[]  NOT NULL,
  lifts          real[] NOT NULL,
  PRIMARY KEY (publication_id, user_key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.liked_rows TO recsys_writer;
