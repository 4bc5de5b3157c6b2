/** What waits for a backup, as version 9 of the schema made it. For the migration alone. */
export const UNSAVED_OF_VERSION_9 = `
CREATE TABLE unsaved (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  what TEXT NOT NULL,
  system_id TEXT NOT NULL DEFAULT '',
  upload_id TEXT NOT NULL DEFAULT '',
  UNIQUE (what, system_id, upload_id)
);
CREATE TRIGGER uploads_unsaved AFTER UPDATE OF state, again_requested_at ON uploads
WHEN NEW.state NOT IN ('committed', 'receipted') BEGIN
  DELETE FROM unsaved WHERE what = 'uploads' AND system_id = NEW.system_id AND upload_id = NEW.upload_id;
  INSERT INTO unsaved (what, system_id, upload_id) VALUES ('uploads', NEW.system_id, NEW.upload_id);
END;
CREATE TRIGGER pins_unsaved AFTER INSERT ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER pins_changed_unsaved AFTER UPDATE ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER pins_gone_unsaved AFTER DELETE ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER models_unsaved AFTER UPDATE OF role ON models BEGIN
  DELETE FROM unsaved WHERE what = 'models';
  INSERT INTO unsaved (what) VALUES ('models');
END;
INSERT INTO unsaved (what, system_id, upload_id) SELECT 'uploads', system_id, upload_id FROM uploads
WHERE state NOT IN ('pending', 'committed', 'receipted');
INSERT INTO unsaved (what) SELECT 'pins' WHERE EXISTS (SELECT 1 FROM pins);
`;
