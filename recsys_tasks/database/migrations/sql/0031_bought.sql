-- Lists beside the ranked ones: what is bought together, and what a user is due to buy again.

CREATE TABLE recsys.together_rows (
  publication_id bigint NOT NULL REFERENCES recsys.publication,
  item_key       int    NOT NULL,
  items          int[]  NOT NULL,
  lifts          real[] NOT NULL,
  baskets        int[]  NOT NULL,
  PRIMARY KEY (publication_id, item_key)
);

-- Days are numbers since 1970-01-01.
CREATE TABLE recsys.again_rows (
  publication_id bigint NOT NULL REFERENCES recsys.publication,
  user_key       int    NOT NULL,
  items          int[]  NOT NULL,
  bought         int[]  NOT NULL,
  due            int[]  NOT NULL,
  times          int[]  NOT NULL,
  PRIMARY KEY (publication_id, user_key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.together_rows, recsys.again_rows TO recsys_writer;
