//! Numbers of bytes as people write them: `4096`, `512M`, `2GiB`.

/// Reads a number of bytes above zero: digits, and `K`, `M`, `G` or `T` behind them for powers of
/// 1,024, also written `KiB`, `MiB`, `GiB`, `TiB`. `None`: anything else, or more than there are
/// addresses.
pub(crate) fn parse(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit {
        b"" => 0,
        b"K" | b"KiB" => 10,
        b"M" | b"MiB" => 20,
        b"G" | b"GiB" => 30,
        b"T" | b"TiB" => 40,
        _ => return None,
    };
    // No digits are zero, which is none of the numbers wanted.
    let number = digits.iter().try_fold(0_usize, |number, digit| {
        number.checked_mul(10)?.checked_add(usize::from(digit - b'0'))
    })?;
    let scale = 1_usize.checked_shl(shift)?;
    number.checked_mul(scale).filter(|bytes| *bytes != 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_with_and_without_a_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("4096", 4096),
            ("0012", 12),
            ("3K", 3 << 10),
            ("512M", 512 << 20),
            ("512MiB", 512 << 20),
            ("7KiB", 7 << 10),
            ("2G", 2 << 30),
            ("2GiB", 2 << 30),
            ("1T", 1 << 40),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(bytes), "{text}");
        }
        assert_eq!(parse(std::format!("{}", usize::MAX).as_bytes()), Some(usize::MAX));
    }

    #[test]
    fn what_is_no_number_of_bytes() {
        for text in [
            "",
            "0",
            "000",
            "0M",
            "M",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1 M",
            "1.5G",
            "0x10",
            "1e9",
            "12m",
            "1KB",
            "1kib",
            "1MM",
            "1P",
            "many",
            "18446744073709551616",
            "16777216T",
            "99999999999999999999999999",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
