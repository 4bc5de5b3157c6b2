/** The counts of tiers as version 4 of the schema made them, and what they were then. For the migration alone: `SCHEMA` is how they are now. */
export const TIER_COUNTS_OF_VERSION_4 = `
CREATE TABLE tier_counts (
  tier TEXT NOT NULL,
  kind TEXT NOT NULL,
  memories INTEGER NOT NULL,
  PRIMARY KEY (tier, kind)
) WITHOUT ROWID;
CREATE TRIGGER placements_count_in AFTER INSERT ON placements WHEN NEW.deleted = 0 BEGIN
  INSERT INTO tier_counts VALUES (NEW.tier, NEW.kind, 1) ON CONFLICT DO UPDATE SET memories = memories + 1;
END;
CREATE TRIGGER placements_count_over AFTER UPDATE OF tier, deleted ON placements
WHEN OLD.tier <> NEW.tier OR OLD.deleted <> NEW.deleted BEGIN
  UPDATE tier_counts SET memories = memories - 1 WHERE OLD.deleted = 0 AND tier = OLD.tier AND kind = OLD.kind;
  INSERT INTO tier_counts SELECT NEW.tier, NEW.kind, 1 WHERE NEW.deleted = 0
  ON CONFLICT DO UPDATE SET memories = memories + 1;
END;
CREATE TRIGGER placements_count_out AFTER DELETE ON placements WHEN OLD.deleted = 0 BEGIN
  UPDATE tier_counts SET memories = memories - 1 WHERE tier = OLD.tier AND kind = OLD.kind;
END;
INSERT INTO tier_counts SELECT tier, kind, count(*) FROM placements WHERE deleted = 0 GROUP BY tier, kind;
`;
