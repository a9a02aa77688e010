-- What the repeat policy forbids, and what may not be shown whatever the stock says, hold on every path of a reader;
-- and a score is a chance or it is null.

-- `repeats`: the policy in words. `forbidden_pairs`: how many pairs its load sent; null while it has not. `calibrated`:
-- whether the ranker's scores were fitted to enough of what came true to be called chances.
ALTER TABLE recsys.publication
  ADD COLUMN IF NOT EXISTS repeats text NOT NULL DEFAULT 'allow',
  ADD COLUMN IF NOT EXISTS forbidden_pairs bigint,
  ADD COLUMN IF NOT EXISTS calibrated boolean NOT NULL DEFAULT true;

-- Rules or moderators keep it from readers: unlike stock, nobody reports that away during the day.
ALTER TABLE recsys.items ADD COLUMN blocked boolean NOT NULL DEFAULT false;

-- Of each user with a history, active or not, the items of the publication's fallback lists that the policy forbids.
-- Nothing else can be topped up, so a row has few items; users without any have none.
CREATE TABLE recsys.withheld_rows (
  publication_id bigint NOT NULL,
  user_key       int    NOT NULL,
  items          int[]  NOT NULL,
  PRIMARY KEY (publication_id, user_key)
) PARTITION BY LIST (publication_id);

GRANT SELECT ON recsys.withheld_rows TO recsys_writer;
