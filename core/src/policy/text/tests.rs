use super::*;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

const MACHINE: Machine = Machine { page: 4096, cpus: 2, memory: 7949 };

fn written(policy: &Policy, machine: &Machine) -> String {
    let mut text = String::new();
    write(policy, machine, &mut text).expect("a string takes everything");
    text
}

/// The same lines under a sum that is right for them.
fn summed(body: &str) -> String {
    std::format!("{body}sum {:016x}\n", sum_of(SUM_OF_NOTHING, body.as_bytes()))
}

/// The default policy's file with one line in place of another, and the right sum.
fn with_line(number: usize, line: &str) -> String {
    let text = written(&Policy::DEFAULT, &MACHINE);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.pop();
    lines[number - 1] = line;
    summed(&(lines.join("\n") + "\n"))
}

prop_compose! {
    fn policies()(
        lists in prop::collection::vec(any::<u16>(), CLASSES),
        numbers in any::<[u32; 5]>(),
        fresh in 0_u8..3,
    ) -> Policy {
        let [growth, sharers, batch, decay, kept] = numbers;
        let lists = core::array::from_fn(|class| lists[class]);
        Policy { lists, growth, sharers, batch, decay, kept, fresh: Fresh::of(fresh) }
    }
}

fn machines() -> impl Strategy<Value = Machine> {
    any::<[u32; 3]>().prop_map(|[page, cpus, memory]| Machine { page, cpus, memory })
}

proptest! {
    #[test]
    fn what_is_written_is_read(policy in policies(), machine in machines()) {
        let text = written(&policy, &machine);
        prop_assert!(text.len() <= LONGEST);
        prop_assert_eq!(parse(text.as_bytes(), &machine), Ok(policy.bounded()));
        prop_assert_eq!(read(text.as_bytes()), Ok((policy.bounded(), machine)));
    }

    #[test]
    fn any_bytes_are_a_policy_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(read(&bytes).is_err());
    }

    /// Under the right sum, so that the lines are looked at.
    #[test]
    fn any_lines_are_a_policy_or_an_error(lines in "(hakmem policy 1\n)?[ -~\n]{0,200}\n?") {
        prop_assert!(read(summed(&lines).as_bytes()).is_err());
    }

    #[test]
    fn any_line_in_place_of_another_is_noticed(line in 1_usize..50, other in "[ -~]{0,40}") {
        let text = written(&Policy::DEFAULT, &MACHINE);
        let count = text.lines().count() - 1;
        let line = 1 + line % count;
        let changed = with_line(line, &other);
        prop_assume!(changed != text);
        // But for a number that is another's.
        if let Ok((policy, machine)) = read(changed.as_bytes()) {
            prop_assert!(written(&policy, &machine).len() <= LONGEST);
            prop_assert!(policy == policy.bounded());
        }
    }

    #[test]
    fn one_changed_byte_is_noticed(policy in policies(), place: prop::sample::Index, by in 1_u8..) {
        let mut text = written(&policy, &MACHINE).into_bytes();
        let place = place.index(text.len());
        text[place] ^= by;
        prop_assert!(read(&text).is_err(), "byte {}", place);
    }

    #[test]
    fn one_byte_more_or_less_is_noticed(place: prop::sample::Index, byte: u8) {
        let text = written(&Policy::DEFAULT, &MACHINE).into_bytes();
        let place = place.index(text.len());
        let mut less = text.clone();
        less.remove(place);
        prop_assert!(read(&less).is_err());
        let mut more = text;
        more.insert(place, byte);
        prop_assert!(read(&more).is_err());
        more.push(byte);
        prop_assert!(read(&more).is_err());
    }
}

#[test]
fn what_is_cut_short_is_noticed_at_every_place() {
    let text = written(&Policy::DEFAULT, &MACHINE);
    for length in 0..text.len() {
        assert_eq!(read(&text.as_bytes()[..length]), Err(PolicyError::Short), "{length}");
    }
}

#[test]
fn the_file_is_as_the_page_says() {
    let text = written(&Policy::DEFAULT, &MACHINE);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "hakmem policy 1");
    assert_eq!(lines[1], "machine page=4096 cpus=2 memory=7949");
    let names = lines[2..].iter().map(|line| line.split(' ').next().expect("a word"));
    let names: Vec<&str> = names.collect();
    assert_eq!(names[..6], ["growth", "sharers", "batch", "decay", "kept", "fresh"]);
    assert_eq!(names[6..6 + CLASSES], ["list"; CLASSES]);
    assert_eq!(names[6 + CLASSES..], ["sum"]);
    assert_eq!(summed(text.rsplit_once("sum").expect("a sum").0), text);
}

/// The sums that the authors of FNV-1a give.
#[test]
fn the_sum_is_fnv_1a() {
    assert_eq!(sum_of(SUM_OF_NOTHING, b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(sum_of(SUM_OF_NOTHING, b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(sum_of(SUM_OF_NOTHING, b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn each_fault_has_its_name() {
    let text = written(&Policy::DEFAULT, &MACHINE);
    let fault = |text: &str| parse(text.as_bytes(), &MACHINE).expect_err("a fault");
    assert_eq!(fault("{\"json\": true}\n"), PolicyError::Foreign);
    assert_eq!(fault("hakmem policy one\n"), PolicyError::Foreign);
    assert_eq!(fault(""), PolicyError::Short);
    assert_eq!(fault(&text.replacen("policy 1", "policy 2", 1)), PolicyError::Version(2));
    assert_eq!(fault(&text.replacen("sharers 0", "sharers 4", 1)), PolicyError::Sum);
    assert_eq!(fault(&(text.clone() + &" ".repeat(LONGEST))), PolicyError::Long);
    let line = |number, expected| PolicyError::Line { number, expected };
    assert_eq!(fault(&with_line(2, "machine page=4096 cpus=2")), line(2, "machine"));
    assert_eq!(fault(&with_line(3, "growth 0")), line(3, "growth"));
    assert_eq!(fault(&with_line(3, "growth +64")), line(3, "growth"));
    assert_eq!(fault(&with_line(4, "batch 4096")), line(4, "sharers"));
    assert_eq!(fault(&with_line(4, "sharers 4294967296")), line(4, "sharers"));
    assert_eq!(fault(&with_line(5, "batch 4096 ")), line(5, "batch"));
    assert_eq!(fault(&with_line(8, "fresh stale")), line(8, "fresh"));
    assert_eq!(fault(&with_line(9, "list 8 0")), line(9, "list"));
    assert_eq!(fault(&with_line(10, "list 17 64")), line(10, "list"));
    assert_eq!(fault(&with_line(11, "list 32 2049")), line(11, "list"));
    let last = 8 + CLASSES;
    let more = with_line(last, "list 32768 1\nlist 40960 1");
    assert_eq!(fault(&more), line(last as u32 + 1, "sum"));
    assert!(line(3, "growth").to_string().starts_with("line 3: "));
}

#[test]
fn a_machine_is_like_another_of_nearly_as_much_memory() {
    let text = written(&Policy::DEFAULT, &MACHINE);
    let on = |machine| parse(text.as_bytes(), &machine);
    for memory in [MACHINE.memory - MACHINE.memory / 8, MACHINE.memory + MACHINE.memory / 8] {
        assert_eq!(on(Machine { memory, ..MACHINE }), Ok(Policy::DEFAULT));
    }
    for other in [
        Machine { page: 16384, ..MACHINE },
        Machine { cpus: 4, ..MACHINE },
        Machine { memory: MACHINE.memory / 2, ..MACHINE },
        Machine { memory: MACHINE.memory * 2, ..MACHINE },
    ] {
        assert_eq!(on(other), Err(PolicyError::Machine(MACHINE)));
    }
}

#[test]
fn the_default_is_within_its_bounds() {
    assert_eq!(Policy::DEFAULT.bounded(), Policy::DEFAULT);
}
