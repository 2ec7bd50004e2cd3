//! Numbers as text.

/// A number with four significant digits, in the shortest usual form; "not finite" if it is not.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() {
        return "not finite".into();
    }
    let scientific = format!("{value:.3e}");
    let (digits, exponent) = scientific.split_once('e').expect("the form of `e`");
    let exponent: i32 = exponent.parse().expect("the form of `e`");
    match exponent {
        _ if value == 0.0 => "0".into(),
        -4..=5 => trimmed(&format!("{value:.*}", usize::try_from(3 - exponent).unwrap_or(0))).to_owned(),
        _ => format!("{}e{exponent}", trimmed(digits)),
    }
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Writes a whole number with a comma before every three digits.
#[must_use]
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many there are of a thing: `1 step`, `1,000 steps`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", whole(count))
}

/// A share in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The nearest number with five significant digits: what a picture needs, in half the characters.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.4e}").parse().expect("a number that was just written") } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_enough() {
        for (value, text) in [
            (0.0, "0"),
            (0.004187584677, "0.004188"),
            (0.1, "0.1"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (99_999.6, "100000"),
            (21110.0, "21110"),
            (1.234567e9, "1.235e9"),
            (1e-8, "1e-8"),
            (f64::NAN, "not finite"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(rounded(0.004187584677384251), 0.0041876);
        assert!(rounded(f64::NAN).is_nan());
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 1000].map(|count| counted(count, "step")), ["0 steps", "1 step", "1,000 steps"]);
    }

    #[test]
    fn thousands_are_set_off() {
        assert_eq!([0, 999, 1000, 21110, 1_000_000].map(whole), ["0", "999", "1,000", "21,110", "1,000,000"]);
    }
}
