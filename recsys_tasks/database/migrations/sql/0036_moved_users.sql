-- A user who moves is counted where an export has them.

CREATE TRIGGER move_lists AFTER UPDATE ON recsys.users
  REFERENCING OLD TABLE AS old_users NEW TABLE AS new_users
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.move_lists();
