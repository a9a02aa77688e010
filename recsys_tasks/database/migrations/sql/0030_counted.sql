-- Answers that analysts ask often, counted once: when an item was last shown, and who has a list.

CREATE TABLE recsys.item_shown_rows (
  item_key int  PRIMARY KEY,
  as_of    date NOT NULL
);

INSERT INTO recsys.item_shown_rows
SELECT x.item_key, max(p.as_of)
FROM recsys.item_exposure_rows AS x JOIN recsys.publication AS p ON p.id = x.publication_id
WHERE x.lists > 0 AND p.published_at IS NOT NULL
GROUP BY x.item_key;

CREATE TRIGGER note_shown AFTER UPDATE OF published_at ON recsys.publication
  FOR EACH ROW WHEN (OLD.published_at IS NULL AND NEW.published_at IS NOT NULL)
  EXECUTE FUNCTION recsys.note_shown();

CREATE TABLE recsys.audience_count_rows (
  publication_id bigint NOT NULL,
  segment        text   NOT NULL,
  served_by      text   NOT NULL,
  why_no_list    text   NOT NULL,
  users          bigint NOT NULL,
  PRIMARY KEY (publication_id, segment, served_by, why_no_list)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.audience_count_rows TO recsys_writer;
GRANT DELETE ON recsys.list_count_rows TO recsys_writer;
