//! sqlite3: tables, indexes, updates and deletes in memory, and its own check of integrity.

use crate::Verdict;
use crate::both::{installed, same_output};

const SCRIPT: &str = "
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, data BLOB);
WITH RECURSIVE n(i, r) AS (
    SELECT 1, 12345
    UNION ALL SELECT i + 1, (r * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 200000)
INSERT INTO item SELECT i, r % 97, printf('%08x-%d', r, i), zeroblob((r / 64) % 200) FROM n;
CREATE INDEX by_kind ON item (kind, name);
CREATE INDEX by_name ON item (name);
UPDATE item SET name = name || '-' || kind WHERE id % 3 = 0;
UPDATE item SET data = zeroblob(20000) WHERE id % 2000 = 0;
DELETE FROM item WHERE kind IN (3, 5, 7, 11) OR id % 7 = 0;
CREATE TABLE sums AS
    SELECT kind, count(*) AS n, sum(length(data)) AS bytes, group_concat(substr(name, 1, 4)) AS names
    FROM item GROUP BY kind;
SELECT count(*), sum(n), sum(bytes), sum(length(names)) FROM sums;
SELECT a.kind, count(*) FROM item a JOIN item b ON b.name = a.name AND b.id >= a.id
    GROUP BY a.kind ORDER BY 2 DESC, 1 LIMIT 10;
SELECT id, name FROM item ORDER BY substr(name, 3), id LIMIT 5 OFFSET 50000;
BEGIN;
INSERT INTO item (kind, name, data) SELECT kind + 1000, name, data FROM item WHERE id % 5 = 0;
SAVEPOINT halfway;
DELETE FROM item WHERE id % 2 = 0;
ROLLBACK TO halfway;
COMMIT;
SELECT count(*), sum(id), max(name) FROM item;
DROP INDEX by_kind;
VACUUM;
REINDEX;
PRAGMA integrity_check;
";

pub(crate) fn large_workload_in_memory() -> Verdict {
    match installed("sqlite3") {
        Err(reason) => Verdict::Skipped(reason),
        Ok(sqlite) => {
            same_output(&sqlite, "sqlite3", |command, _| {
                command.args(["-batch", "-bail", ":memory:", SCRIPT, "SELECT 'done';"]);
            });
            Verdict::Passed
        }
    }
}
