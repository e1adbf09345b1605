//! One number of a policy, as it is given on the command line: `decay=1000`, `list:48=128`.

use hakmem_core::policy::{Fresh, Policy};

/// A number, and what it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Growth(u32),
    Kept(u32),
    Batch(u32),
    Decay(u32),
    Sharers(u32),
    Fresh(Fresh),
    /// Place of the class, blocks.
    List(usize, u16),
}

impl Setting {
    pub(super) fn onto(self, policy: &mut Policy) {
        match self {
            Self::Growth(kib) => policy.growth = kib,
            Self::Kept(kib) => policy.kept = kib,
            Self::Batch(bytes) => policy.batch = bytes,
            Self::Decay(ms) => policy.decay = ms,
            Self::Sharers(caches) => policy.sharers = caches,
            Self::Fresh(fresh) => policy.fresh = fresh,
            Self::List(class, blocks) => policy.lists[class] = blocks,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Setting, String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    let number = |bounds| number(value, bounds);
    Ok(match key {
        "growth" => Setting::Growth(number(Policy::GROWTH)?),
        "kept" => Setting::Kept(number(Policy::KEPT)?),
        "batch" => Setting::Batch(number(Policy::BATCH)?),
        "decay" => Setting::Decay(number(Policy::DECAY)?),
        "sharers" if value == "all" => Setting::Sharers(0),
        "sharers" => Setting::Sharers(number((0, u32::MAX))?),
        "fresh" => {
            let ways = [Fresh::Plain, Fresh::Populate, Fresh::Huge];
            let way = ways.into_iter().find(|fresh| fresh.name() == value);
            Setting::Fresh(way.ok_or("it is plain, populate or huge")?)
        }
        _ => {
            let size = key.strip_prefix("list:").ok_or(
                "the keys are growth, kept, batch, decay, sharers, fresh, and list:SIZE for each class",
            )?;
            let blocks = number((1, Policy::LIST_MOST.into()))?;
            Setting::List(class(size)?, u16::try_from(blocks).map_err(|error| error.to_string())?)
        }
    })
}

fn number(text: &str, (least, most): (u32, u32)) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it is a number from {least} to {most}"))
}

fn class(size: &str) -> Result<usize, String> {
    let sizes = &Policy::SIZES;
    let size = size.parse::<u32>().map_err(|_| format!("{size:?} is no size"))?;
    sizes.binary_search(&size).map_err(|next| match (next.checked_sub(1), sizes.get(next)) {
        (Some(below), Some(above)) => {
            format!(
                "no class has blocks of {size} bytes; the nearest have {} and {above}",
                sizes[below]
            )
        }
        _ => format!(
            "no class has blocks of {size} bytes; they have {} to {}",
            sizes[0],
            sizes[sizes.len() - 1]
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_set() {
        let mut policy = Policy::DEFAULT;
        let words = [
            "growth=1024",
            "kept=128",
            "batch=8192",
            "decay=1000",
            "sharers=3",
            "fresh=populate",
            "list:8=1",
            "list:32768=2048",
        ];
        for word in words {
            parse(word).unwrap().onto(&mut policy);
        }
        let mut lists = Policy::DEFAULT.lists;
        (lists[0], lists[lists.len() - 1]) = (1, 2048);
        let fresh = Fresh::Populate;
        let expected =
            Policy { lists, growth: 1024, kept: 128, batch: 8192, decay: 1000, sharers: 3, fresh };
        assert_eq!(policy, expected);
        assert_eq!(policy, policy.bounded());
        assert_eq!(parse("sharers=all"), Ok(Setting::Sharers(0)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("decay", "no `=`"),
            ("decay=", "from 1 to 3600000"),
            ("decay=0", "from 1 to 3600000"),
            ("decay=-5", "from 1 to 3600000"),
            ("growth=99999999999", "from 64 to"),
            ("kept=63", "from 64 to"),
            ("batch=1023", "from 1024 to 65536"),
            ("fresh=new", "plain, populate or huge"),
            ("speed=11", "the keys are"),
            ("list:50=3", "48 and 64"),
            ("list:7=3", "8 to 32768"),
            ("list:99999=3", "8 to 32768"),
            ("list:x=3", "no size"),
            ("list:48=0", "from 1 to 2048"),
            ("list:48=2049", "from 1 to 2048"),
        ];
        for (word, reason) in cases {
            let error = parse(word).unwrap_err();
            assert!(error.contains(reason), "{word}: {error}");
        }
    }
}
