//! The sqlite3 shell on a database in memory.

use crate::allocators::Subject;
use crate::child::{run, under};
use crate::programs::{Program, installed, timed};
use crate::samples::Sample;

pub(crate) struct Sqlite;

/// Rows of a full run.
const ROWS: f64 = 150_000.0;

impl Program for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite3"
    }

    fn about(&self) -> &'static str {
        "sqlite3 in memory: insert, index, join, update, delete, integrity check"
    }

    fn ready(&self) -> Result<(), String> {
        installed("sqlite3", "sqlite3").map(drop)
    }

    fn run(&self, subject: &Subject, scale: f64) -> Result<Sample, String> {
        let mut command = under(installed("sqlite3", "sqlite3")?, subject);
        let ended = run(command.args([":memory:", &script((ROWS * scale) as u64)]))?;
        if ended.text.trim() != "ok" {
            return Err(format!("the integrity check said: {}", ended.text.trim()));
        }
        Ok(timed(&ended))
    }
}

fn script(rows: u64) -> String {
    format!(
        "create table item(id integer primary key, name text, score integer);
         insert into item
           with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})
           select i, 'name-' || (i * 7919 % 1000003) || '-' || i, i * 31 % 1009 from n;
         create index by_name on item(name);
         create index by_score on item(score, name);
         create table top as
           select score, count(*) as n, max(name) as name, group_concat(substr(name, 6, 4)) as all_names
           from item group by score;
         update item set name = upper(name) || '-changed' where id % 5 = 0;
         delete from item where id % 7 = 0;
         create table joined as select a.id, b.name from item a join top b on a.score = b.score;
         pragma integrity_check;"
    )
}
