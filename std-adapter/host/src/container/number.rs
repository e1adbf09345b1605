//! Figures as the kernel writes them.

/// A decimal figure that takes the whole text but for blanks and a line's end around it. `None`:
/// anything else, `max` and what does not fit included.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A percentage with two places, `0.00` to `100.00`, in hundredths.
pub(super) fn percent(text: &[u8]) -> Option<u32> {
    let point = text.iter().position(|&byte| byte == b'.')?;
    let (whole, places) = (&text[..point], &text[point + 1..]);
    let is_plain = [whole, places].into_iter().all(|part| part.iter().all(u8::is_ascii_digit));
    if !is_plain || places.len() != 2 {
        return None;
    }
    let hundredths = decimal(whole)?.checked_mul(100)?.checked_add(decimal(places)?)?;
    u32::try_from(hundredths).ok().filter(|&hundredths| hundredths <= 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_size_of_figure_comes_back() {
        for bits in 0..64 {
            for value in [1u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                assert_eq!(decimal(value.to_string().as_bytes()), Some(value));
            }
        }
        assert_eq!(decimal(b" 0042\n"), Some(42));
    }

    #[test]
    fn what_is_no_figure_is_none() {
        let too_large = (u128::from(u64::MAX) + 1).to_string();
        let ten_times = (u128::from(u64::MAX) * 10).to_string();
        let bad =
            ["", "\n", "max", "-1", "+1", "1 2", "1x", "0x10", "1.0", "1e3", "1\0", "\u{661}"];
        for text in bad.into_iter().chain([&*too_large, &*ten_times]) {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn percentages_are_hundredths() {
        for hundredths in 0..=10_000u32 {
            let text = std::format!("{}.{:02}", hundredths / 100, hundredths % 100);
            assert_eq!(percent(text.as_bytes()), Some(hundredths));
        }
        let bad =
            ["", "1", "1.", ".50", "1.5", "1.500", "-1.00", "1.0x", "1. 0", "100.01", "1.0.0"];
        for text in bad {
            assert_eq!(percent(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(percent(b"99999999999999999999.00"), None);
    }
}
