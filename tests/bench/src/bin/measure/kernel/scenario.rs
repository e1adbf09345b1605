//! The scenarios of `measure kernel`: what is played, and on what.

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How often the same is run, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// One trace in several rounds, for time differs from run to run: medians.
    Rounds,
    /// One run of each of several traces, for nothing else differs.
    Seeds,
}

/// What the figures of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Million operations a second, with ratios, and net of the trace alone.
    Rate,
    /// Nanoseconds.
    Nanos,
    /// Hundredths of the region.
    Part,
    /// Requests that failed, of all seeds.
    Failed,
    /// Million operations a second, and the last column's over the first's.
    Scaling,
}

/// One column: a run of the worker.
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) region: usize,
    /// The worker's arguments behind the seed.
    pub(crate) args: String,
    /// Which of the worker's figures it shows, where it gives several.
    pub(crate) field: &'static str,
}

/// One table.
pub(crate) struct Columns {
    /// As printed; empty where there is but one.
    pub(crate) title: String,
    pub(crate) columns: Vec<Column>,
}

/// One scenario: a mode of the worker.
pub(crate) struct Scenario {
    /// As given on the command line, and to the worker.
    pub(crate) name: &'static str,
    /// What it does, and what its tables hold.
    pub(crate) about: &'static str,
    pub(crate) repeat: Repeat,
    pub(crate) figure: Figure,
    /// Its tables, on shorter traces for a first look.
    pub(crate) tables: fn(is_quick: bool) -> Vec<Columns>,
}

/// In the order of their tables.
pub(crate) const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "speed",
        about: "One trace of random allocations, frees and reallocations. Million operations a second of CPU time; \
                nanoseconds of one, less those of the trace alone, and talc's over them.",
        repeat: Repeat::Rounds,
        figure: Figure::Rate,
        tables: speed,
    },
    Scenario {
        name: "worst",
        about: "The same, each call timed: the longest, in nanoseconds. The trace is played several times, and a \
                call takes the least of its times.",
        repeat: Repeat::Rounds,
        figure: Figure::Nanos,
        tables: worst,
    },
    Scenario {
        name: "fill",
        about: "Blocks allocated until a request fails: requested bytes that are live then, in hundredths of the \
                region. Mean of the traces.",
        repeat: Repeat::Seeds,
        figure: Figure::Part,
        tables: fill,
    },
    Scenario {
        name: "churn",
        about: "Long traces of random allocations, frees and reallocations, nine tenths of the region live: requests \
                that failed, of all traces.",
        repeat: Repeat::Seeds,
        figure: Figure::Failed,
        tables: churn,
    },
    Scenario {
        name: "threads",
        about: "One heap on 64 MiB, half of it live: one thread with a trace, and two threads, each with a trace of \
                its own of half the load. Million operations a second, of both.",
        repeat: Repeat::Rounds,
        figure: Figure::Scaling,
        tables: threads,
    },
];

fn column(region: usize, args: String, field: &'static str) -> Column {
    Column { head: size(region), region, args, field }
}

fn speed(is_quick: bool) -> Vec<Columns> {
    let operations = if is_quick { 200_000 } else { 2_000_000 };
    let table = |(region, live)| {
        let columns = vec![column(region, format!("{operations} {live}"), "")];
        Columns { title: format!("A region of {}, {} live", size(region), size(live)), columns }
    };
    let loads = [(64 * MIB, 32 * MIB), (64 * MIB, MIB), (MIB, MIB / 2), (64 * KIB, 32 * KIB)];
    loads.map(table).into()
}

fn worst(is_quick: bool) -> Vec<Columns> {
    let args = if is_quick { "20000 3" } else { "200000 7" };
    let regions = [64 * MIB, MIB, 64 * KIB];
    let table = |title: &str, field| {
        let columns = regions.map(|region| column(region, args.to_owned(), field)).into();
        Columns { title: title.to_owned(), columns }
    };
    vec![table("Allocations and frees", "alloc_or_free_ns"), table("Reallocations", "resize_ns")]
}

/// The regions of what measures no time.
const REGIONS: [usize; 4] = [8 * KIB, 64 * KIB, MIB, 64 * MIB];

fn fill(_: bool) -> Vec<Columns> {
    let table = |title: &str, how: &str| {
        let columns = REGIONS.map(|region| column(region, how.to_owned(), "part")).into();
        Columns { title: title.to_owned(), columns }
    };
    vec![
        table("Allocations alone", "growing"),
        table("A random block freed to each two that are allocated", "aged"),
    ]
}

fn churn(is_quick: bool) -> Vec<Columns> {
    let operations = if is_quick { 20_000 } else { 200_000 };
    let columns = REGIONS.map(|region| column(region, operations.to_string(), "failed")).into();
    vec![Columns { title: String::new(), columns }]
}

fn threads(is_quick: bool) -> Vec<Columns> {
    let operations = if is_quick { 200_000 } else { 2_000_000 };
    let column = |count, head: &str| {
        let head = head.to_owned();
        Column { head, ..column(64 * MIB, format!("{operations} {count}"), "") }
    };
    let columns = vec![column(1, "one thread"), column(2, "two threads")];
    vec![Columns { title: String::new(), columns }]
}

/// A region's size in words.
fn size(bytes: usize) -> String {
    if bytes >= MIB { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / KIB) }
}
