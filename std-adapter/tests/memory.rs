//! Counters, and memory that goes back. One test, so that no other allocates meanwhile.

#[global_allocator]
static GLOBAL: hakmem::Hakmem = hakmem::Hakmem;

/// Resident bytes of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") << 10
}

#[test]
fn counters_follow_memory_there_and_back() {
    const BLOCKS: usize = 32_000;
    let start = hakmem::stats();
    let blocks: Vec<Vec<u8>> = (0..BLOCKS).map(|at| vec![at as u8; 1_000]).collect();
    let spans: Vec<Vec<u8>> = (0..32).map(|at| vec![at as u8; 300 << 10]).collect();
    let large = vec![1_u8; 8 << 20];

    let full = hakmem::stats();
    let class = full.classes.iter().find(|class| class.size >= 1_000).expect("a class");
    assert!(class.carved - class.returned >= BLOCKS, "{class:?}");
    assert!(class.carved <= class.capacity, "{class:?}");
    assert!(full.slabs.held >= start.slabs.held + BLOCKS * 1_000);
    assert!(full.spans.held >= start.spans.held + 32 * (300 << 10));
    assert!(full.large.held >= 8 << 20);
    assert!(full.large.count > start.large.count);
    assert!(full.slabs.mapped >= full.slabs.held);
    assert!(full.mapped >= full.slabs.mapped + full.spans.mapped + full.large.mapped);
    assert!(full.mapped_peak >= full.mapped);
    assert!(full.tables < full.mapped / 10, "{} of {}", full.tables, full.mapped);
    assert!(full.stages.iter().sum::<u64>() > 0);
    assert!(full.refills > start.refills);
    assert!(full.maps > start.maps);

    let resident_full = resident();
    drop((blocks, spans, large));
    let purged = hakmem::purge();
    let empty = hakmem::stats();
    // Much of it went back by itself; what the heap had kept for later goes now.
    assert!(purged.bytes >= 1 << 20, "{purged:?}");
    assert_eq!(hakmem::purge().bytes, 0);
    assert!(empty.slabs.held <= start.slabs.held + (1 << 20));
    let gone = resident_full.saturating_sub(resident());
    assert!(gone >= 40 << 20, "{gone} bytes of {resident_full} went back");

    // What went back can be had again.
    let again: Vec<Vec<u8>> = (0..BLOCKS).map(|at| vec![at as u8; 1_000]).collect();
    assert!(again.iter().enumerate().all(|(at, block)| block.iter().all(|&byte| byte == at as u8)));
}
