//! Decoding a payload that may have been made to do harm.
//!
//! bincode allocates whatever length a text claims, and its limit is a constant, not a file's size; and it follows a type
//! that contains itself until the stack ends. Between it and serde stands a [`Guard`], which asks bincode for text and
//! bytes that it borrows, and so has read, and counts how deep it is.

use std::fmt;

use bincode::error::DecodeError;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Values within values: far more than any of ours, far fewer than a stack takes.
const DEEPEST: u32 = 128;

/// A value, and how many bytes it took.
pub(super) fn decode<V: DeserializeOwned>(payload: &[u8]) -> Result<(V, usize), DecodeError> {
    let seed = Guard { inner: std::marker::PhantomData::<V>, left: DEEPEST };
    bincode::serde::seed_decode_from_slice(seed, payload, bincode::config::standard())
}

/// Any of the parts that serde decodes with, passing on what it is asked.
struct Guard<T> {
    inner: T,
    /// Levels that may still follow.
    left: u32,
}

impl<T> Guard<T> {
    fn around<U>(&self, inner: U) -> Guard<U> {
        Guard { inner, left: self.left }
    }

    /// For the values within a value.
    fn within<U, E: Error>(&self, inner: U) -> Result<Guard<U>, E> {
        let left = self.left.checked_sub(1);
        let left = left.ok_or_else(|| E::custom(format_args!("values are nested more than {DEEPEST} deep")))?;
        Ok(Guard { inner, left })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guard<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let guarded = self.around(deserializer);
        self.inner.deserialize(guarded)
    }
}

macro_rules! flat {
    ($($name:ident as $asked:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.around(visitor);
            self.inner.$asked(visitor)
        }
    )*};
}

macro_rules! nested {
    ($($name:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.within(visitor)?;
            self.inner.$name($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<D> {
    type Error = D::Error;

    flat! {
        deserialize_bool as deserialize_bool
        deserialize_i8 as deserialize_i8
        deserialize_i16 as deserialize_i16
        deserialize_i32 as deserialize_i32
        deserialize_i64 as deserialize_i64
        deserialize_i128 as deserialize_i128
        deserialize_u8 as deserialize_u8
        deserialize_u16 as deserialize_u16
        deserialize_u32 as deserialize_u32
        deserialize_u64 as deserialize_u64
        deserialize_u128 as deserialize_u128
        deserialize_f32 as deserialize_f32
        deserialize_f64 as deserialize_f64
        deserialize_char as deserialize_char
        deserialize_str as deserialize_str
        deserialize_string as deserialize_str
        deserialize_bytes as deserialize_bytes
        deserialize_byte_buf as deserialize_bytes
        deserialize_unit as deserialize_unit
        deserialize_any as deserialize_any
        deserialize_identifier as deserialize_identifier
        deserialize_ignored_any as deserialize_ignored_any
    }

    nested! {
        deserialize_option()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($name:ident($($type:ty)?))*) => {$(
        visit!(@ $name $($type)?);
    )*};
    (@ $name:ident $type:ty) => {
        fn $name<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$name(value)
        }
    };
    (@ $name:ident) => {
        fn $name<E: Error>(self) -> Result<V::Value, E> {
            self.inner.$name()
        }
    };
}

macro_rules! visit_nested {
    ($($name:ident: $access:ident)*) => {$(
        fn $name<A: $access<'de>>(self, access: A) -> Result<V::Value, A::Error> {
            let access = self.around(access);
            self.inner.$name(access)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guard<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    visit! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64)
        visit_char(char)
        visit_borrowed_str(&'de str)
        visit_borrowed_bytes(&'de [u8])
        visit_none() visit_unit()
    }

    visit_nested! {
        visit_some: Deserializer
        visit_newtype_struct: Deserializer
        visit_seq: SeqAccess
        visit_map: MapAccess
        visit_enum: EnumAccess
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guard<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.around(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guard<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.around(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Guard<A> {
    type Error = A::Error;
    type Variant = Guard<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (seed, left) = (self.around(seed), self.left);
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, Guard { inner: variant, left }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guard<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    /// One of everything.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        text: String,
        map: BTreeMap<String, Option<u8>>,
        choices: Vec<Choice>,
        whole: (i8, i16, i32, i64, i128, u16, u32, u64, u128),
        part: (f32, f64),
        other: (bool, char, (), Box<Choice>),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Choice {
        Nothing,
        One(String),
        Two(u8, f32),
        Named { text: String },
        Again(Box<Choice>),
    }

    fn encoded(value: &impl Serialize) -> Vec<u8> {
        bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap()
    }

    #[test]
    fn everything_is_decoded_as_it_was_encoded() {
        let named = || Choice::Named { text: "é".into() };
        let value = Everything {
            text: "text".into(),
            map: BTreeMap::from([("a".to_owned(), Some(3)), ("b".to_owned(), None)]),
            choices: vec![Choice::Nothing, Choice::One("one".into()), Choice::Two(2, 0.5), named()],
            whole: (-1, -2, -3, -4, -5, 6, 7, 8, 9),
            part: (0.25, -1e300),
            other: (true, 'ж', (), Box::new(Choice::Again(Box::new(named())))),
        };
        let bytes = encoded(&value);
        assert_eq!(decode::<Everything>(&bytes).unwrap(), (value, bytes.len()));
    }

    #[test]
    fn a_text_that_claims_more_than_there_is_allocates_nothing() {
        // 253 announces eight bytes of length.
        let claims = |length: u64| [&[253][..], &length.to_le_bytes(), b"abc"].concat();
        for length in [4, 1 << 40, u64::MAX] {
            assert!(decode::<String>(&claims(length)).is_err());
            assert!(decode::<Vec<f32>>(&claims(length)).is_err());
            assert!(decode::<BTreeMap<String, String>>(&claims(length)).is_err());
        }
    }

    #[test]
    fn a_value_that_contains_itself_too_often_is_an_error() {
        let again = encoded(&Choice::Again(Box::new(Choice::Nothing)))[0];
        let nested = |depth: usize| [&vec![again; depth][..], &encoded(&Choice::Nothing)].concat();
        assert!(decode::<Choice>(&nested(60)).is_ok());
        let message = decode::<Choice>(&nested(1_000_000)).unwrap_err().to_string();
        assert!(message.contains("nested more than 128 deep"), "{message}");
    }
}
