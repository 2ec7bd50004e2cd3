//! Commas within numbers of a text: `1,234.5` has thousands apart, `0,512` is a decimal.

use super::number;

/// What a comma within a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Commas {
    /// The text has none that tells.
    #[default]
    Unknown,
    Thousands,
    Decimal,
}

impl Commas {
    /// What a text's commas are, by the first number that tells.
    pub(super) fn of(text: &str) -> Self {
        let mut rest = text;
        while let Some(at) = rest.find(',') {
            let (before, after) = rest.split_at(at);
            let begin = before.trim_end_matches(|digit: char| digit.is_ascii_digit() || digit == ',');
            // `18:29:08,123` is a time.
            let of_time = begin.strip_suffix(':').is_some_and(|hours| hours.ends_with(|c: char| c.is_ascii_digit()));
            let follows = begin.ends_with([' ', ':', '=', '\t']) && !of_time;
            if follows && let Some(told) = Token::read(&rest[begin.len()..]).and_then(|token| token.tells()) {
                return told;
            }
            rest = &after[1..];
        }
        Self::Unknown
    }

    /// The number with commas that a text begins with, and its length. Of an index they are thousands.
    pub(super) fn number(self, text: &str, index: bool) -> Option<(f64, usize)> {
        let token = Token::read(text)?;
        let told = token.tells().unwrap_or(if index { Self::Thousands } else { self });
        let text = &text[..token.length];
        let value = match told {
            Self::Thousands if token.of_thousands() => text.replace(',', ""),
            _ if token.groups == 2 => text.replace(',', "."),
            _ => return None,
        };
        value.parse().ok().map(|value| (value, token.length))
    }

    /// What was made of them.
    pub(super) fn note(self) -> Option<&'static str> {
        (self == Self::Decimal).then_some("decimal commas were read as points")
    }
}

/// A number with commas.
struct Token {
    length: usize,
    /// Runs of digits.
    groups: usize,
    three_each: bool,
    begins_with_zero: bool,
    point: bool,
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let sign = usize::from(text.starts_with(['-', '+']));
        let first = digits(&text[sign..]);
        let (mut length, mut groups, mut three_each) = (sign + first, 1, (1..=3).contains(&first));
        while let Some(rest) = text[length..].strip_prefix(',') {
            let count = digits(rest);
            if count == 0 {
                break;
            }
            (length, groups, three_each) = (length + 1 + count, groups + 1, three_each && count == 3);
        }
        if first == 0 || groups == 1 {
            return None;
        }
        let begins_with_zero = text[sign..].starts_with('0');
        // A point, or an exponent.
        let (_, whole) = number::prefix(&text[length - 1..])?;
        Some(Self {
            length: length - 1 + whole,
            groups,
            three_each,
            begins_with_zero,
            point: text[length..].starts_with('.'),
        })
    }

    fn of_thousands(&self) -> bool {
        self.three_each && !self.begins_with_zero
    }

    /// What the number alone tells.
    fn tells(&self) -> Option<Commas> {
        match (self.of_thousands(), self.groups) {
            (true, 3..) => Some(Commas::Thousands),
            (true, _) => self.point.then_some(Commas::Thousands),
            (false, 2) => Some(Commas::Decimal),
            (false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_told_by_the_numbers_around_them() {
        for (text, commas) in [
            ("Step 12,000: loss = 1,234.56", Commas::Thousands),
            ("18:29:08,123 INFO step 3 loss 0.5", Commas::Unknown),
            ("words 1,200,345 @ 7", Commas::Thousands),
            ("loss: 0,512 acc: 0,9", Commas::Decimal),
            ("loss: 2,3\n", Commas::Decimal),
            ("loss: 2,303\n", Commas::Unknown),
            ("[1,2000] loss: 2.1, (3,224,224) 3, 4", Commas::Unknown),
            ("", Commas::Unknown),
            (",,,5", Commas::Unknown),
        ] {
            assert_eq!(Commas::of(text), commas, "{text}");
        }
    }

    #[test]
    fn numbers_with_commas() {
        for (commas, text, index, number) in [
            (Commas::Unknown, "1,234.56 next", false, Some((1234.56, 8))),
            (Commas::Unknown, "-1,200,345", false, Some((-1_200_345.0, 10))),
            (Commas::Unknown, "12,000: loss", true, Some((12_000.0, 6))),
            (Commas::Thousands, "2,303", false, Some((2303.0, 5))),
            (Commas::Decimal, "2,303e-1", false, Some((0.2303, 8))),
            (Commas::Unknown, "0,512", false, Some((0.512, 5))),
            (Commas::Unknown, "1, 2", false, None),
            (Commas::Unknown, "1,2,3", false, None),
            (Commas::Unknown, "12", false, None),
        ] {
            assert_eq!(commas.number(text, index), number, "{text}");
        }
    }
}
