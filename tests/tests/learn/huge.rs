//! What a heap that grows fast tries, where there are huge pages and where the user wants none.

use super::record::Record;
use super::{folder, recorded, text};
use std::fs;

/// Grows until a line of the record has these words, on a machine that has huge pages to ask for.
fn grown(huge: &str, words: &str) -> Record {
    let root = folder(&format!("huge-root-{huge}"));
    let pages = root.join("sys/kernel/mm/transparent_hugepage");
    fs::create_dir_all(&pages).expect("writable");
    fs::write(pages.join("hpage_pmd_size"), "2097152\n").expect("writable");
    fs::write(pages.join("enabled"), "always [madvise] never\n").expect("writable");
    let settings = [("HAKMEM_ROOT", text(&root)), ("HAKMEM_HUGE", huge), ("WORDS", words)];
    let on = ("HAKMEM_BACKGROUND", "on");
    recorded(&format!("huge-{huge}"), "grows", &[&settings[..], &[on]].concat())
}

#[test]
fn huge_pages_are_tried_where_there_are_any() {
    let record = grown("auto", "\"fresh\":\"huge\"");
    assert!(record.steps.iter().all(|step| step["seen"]["huge"] == true));
}

#[test]
fn huge_pages_are_not_tried_where_the_user_wants_none() {
    // The other way has its turn after them.
    let record = grown("never", "\"fresh\":\"populate\"");
    for step in &record.steps {
        assert_eq!(step["seen"]["huge"], false);
        assert_ne!(step["policy"]["fresh"], "huge", "{step}");
    }
}
