-- Erasing one user, and what proves it.

-- One line when an erasure begins and one when a search of everything found nothing; the id itself is in neither.
CREATE TABLE recsys.erasures (
  id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at        timestamptz NOT NULL,
  event     text        NOT NULL CHECK (event IN ('begun', 'proved')),
  user_hash text        NOT NULL,
  who       text        NOT NULL,
  why       text        NOT NULL,
  record    jsonb       NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recsys.erasures
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.refuse_change();

GRANT SELECT, INSERT ON recsys.erasures TO recsys_writer;

CREATE TRIGGER skip_erased BEFORE INSERT ON recsys.users
  FOR EACH ROW WHEN (NEW.user_id = '') EXECUTE FUNCTION recsys.skip_erased();

-- What analysts ask of whole publications, counted once when a publication is complete: a scan of 100 million list
-- entries answers no question within two seconds.

-- One row per publication and item of its catalogue; an item that no list shows has zeros.
CREATE TABLE recsys.item_exposure_rows (
  publication_id bigint NOT NULL,
  item_key       int    NOT NULL,
  lists          int    NOT NULL,
  first_places   int    NOT NULL,
  PRIMARY KEY (publication_id, item_key)
);

CREATE TABLE recsys.list_count_rows (
  publication_id bigint   NOT NULL,
  segment        text,
  variant        text     NOT NULL,
  rung           smallint NOT NULL,
  short_reason   text,
  lists          bigint   NOT NULL,
  places         bigint   NOT NULL
);

CREATE INDEX list_count_rows_publication ON recsys.list_count_rows (publication_id);

GRANT SELECT ON recsys.item_exposure_rows, recsys.list_count_rows TO recsys_writer;

CREATE TRIGGER forget_exposure AFTER UPDATE OF retired_at ON recsys.publication
  FOR EACH ROW WHEN (NEW.retired_at IS NOT NULL AND OLD.retired_at IS NULL)
  EXECUTE FUNCTION recsys.forget_exposure();

COMMENT ON TABLE recsys.erasures IS
  'Erasures of users: a line when one begins, a line when a search of everything found nothing; append-only, without ids.';
