//! Reads records.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// One beginning, and the steps since.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) header: Value,
    pub(crate) steps: Vec<Value>,
}

/// Reads a record of whole lines.
pub(crate) fn read(path: &Path) -> Record {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text.ends_with('\n'), "the last line is cut short: {text}");
    let mut lines = text.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let header = lines.next().expect("a header");
    assert_eq!((&header["hakmem"], &header["version"]), (&"learn".into(), &1.into()));
    let steps: Vec<Value> = lines.collect();
    for step in &steps {
        assert!(step["t"].is_u64() && step["seen"].is_object() && step["pause"].is_u64(), "{step}");
    }
    // What goes back is believed by nobody.
    for two in steps.windows(2) {
        for name in ["faults", "user", "system", "grown", "decayed", "missed"] {
            let [before, after] = [&two[0], &two[1]].map(|step| step["seen"][name].as_u64());
            assert!(before.is_some() && before <= after, "{name} of {} {}", two[0], two[1]);
        }
    }
    Record { header, steps }
}
