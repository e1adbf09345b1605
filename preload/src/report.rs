//! The heap's counters as a table: at exit (`HAKMEM_STATS=1`) and for `malloc_stats`.

use crate::HEAP;
use crate::libc;
use crate::out::{Bytes, Out, Sink};
use core::fmt::{self, Write};
use hakmem_core::learn::Phase;
use hakmem_core::{LayerStats, Stats};
use hakmem_host::{Learn, Line, Told};

/// Classes a line of the table.
const COLUMNS: usize = 4;

/// Writes the table. `program` names the process in its title.
pub(crate) fn write(sink: Sink, program: &str) {
    let mut out = Out::new(sink);
    // The writer never fails.
    let _ = table(&mut out, program, &HEAP.stats());
}

fn table(out: &mut Out, program: &str, stats: &Stats) -> fmt::Result {
    let mut usage = libc::Usage::default();
    libc::getrusage(libc::RUSAGE_SELF, &mut usage);

    writeln!(out, "hakmem: memory of {program} (process {})", libc::getpid())?;
    write!(
        out,
        "  from the system  {:>10} now  {:>10} peak   tables {}, kept free {}",
        Bytes(stats.mapped),
        Bytes(stats.mapped_peak),
        Bytes(stats.tables),
        Bytes(stats.kept),
    )?;
    if let Some(limit) = stats.limit {
        write!(out, ", limit {}", Bytes(limit))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  resident         {:>10}      {:>10} peak   faults {} minor, {} major",
        "",
        Bytes((usage.max_rss.max(0) as usize).saturating_mul(1024)),
        usage.minor_faults,
        usage.major_faults,
    )?;

    writeln!(
        out,
        "  in use           {:>10}   free and backed: {} whole, {} in slabs; allowance {}",
        Bytes(stats.in_use),
        Bytes(stats.dirty),
        Bytes(stats.slack),
        Bytes(stats.allowance),
    )?;
    writeln!(out, "  layer      number      mapped        held")?;
    layer(out, "slabs", &stats.slabs)?;
    layer(out, "spans", &stats.spans)?;
    layer(out, "large", &stats.large)?;

    writeln!(out, "  blocks held/carved, by size")?;
    let (mut cells, mut gap) = (0, 0);
    for class in stats.classes.iter().filter(|class| class.carved != 0) {
        let held = class.carved.saturating_sub(class.returned);
        let mut counts = Line::<48>::new();
        write!(counts, "{held}/{}", class.carved)?;
        if cells % COLUMNS == 0 && cells != 0 {
            writeln!(out)?;
            gap = 0;
        }
        let counts = core::str::from_utf8(counts.as_bytes()).unwrap_or_default();
        write!(out, "{:gap$}  {:>7} {counts}", "", class.size)?;
        gap = 15_usize.saturating_sub(counts.len());
        cells += 1;
    }
    if cells != 0 {
        writeln!(out)?;
    }

    let [zero, half, one, two, three] = stats.stages;
    writeln!(out, "  pool stages  0: {zero}  0.5: {half}  1: {one}  2: {two}  3: {three}")?;
    writeln!(
        out,
        "  refills {}  spills {}  sent home {}",
        stats.refills, stats.spills, stats.sent_home
    )?;
    writeln!(
        out,
        "  maps {}  unmaps {}  purges {} ({})  huge {}",
        stats.maps,
        stats.unmaps,
        stats.purges,
        Bytes(stats.purged),
        stats.huge,
    )?;
    learner(out, &HEAP.host().learner())
}

/// `  learner frozen  steps 120  changes 8  CPU 3.1 ms`
fn learner(out: &mut Out, told: &Told) -> fmt::Result {
    let phase = match (told.learn, told.phase) {
        (Learn::Off, _) => "off",
        (Learn::Freeze, _) => "told to freeze",
        (Learn::On, Phase::Learn) => "learns",
        (Learn::On, Phase::Canary) => "tries a change",
        (Learn::On, Phase::Frozen) => "frozen",
    };
    let (whole, tenths) = (told.micros / 1000, told.micros % 1000 / 100);
    let Told { steps, changes, .. } = told;
    writeln!(out, "  learner {phase}  steps {steps}  changes {changes}  CPU {whole}.{tenths} ms")
}

fn layer(out: &mut Out, name: &str, layer: &LayerStats) -> fmt::Result {
    writeln!(
        out,
        "  {name:<7} {:>9} {:>11} {:>11}",
        layer.count,
        Bytes(layer.mapped),
        Bytes(layer.held)
    )
}
