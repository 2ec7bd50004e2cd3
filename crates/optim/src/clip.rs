//! Gradient clipping: what is done to the gradients before the optimiser sees them.
//!
//! (Clipping the *update* needs Adam's v and is Adam's own: [`AdamSettings::clip_update_rms`](crate::AdamSettings).)

use flameout_kernels::{Real, reduce, team};
use serde::{Deserialize, Serialize};

use crate::error::require_positive;
use crate::{Error, l2_norm};

/// How gradients are clipped. In a file: `kind = "none"`, `"global-norm"` or `"value"`, the latter two with `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Clipping {
    /// Gradients stay as they are.
    #[default]
    #[serde(deserialize_with = "no_fields")]
    None,
    /// Gradients are scaled by `limit`/norm where their L2 norm over all parameters exceeds `limit`
    /// (Pascanu et al. 2013, algorithm 1; Keras' `clipnorm`).
    GlobalNorm {
        /// The largest norm allowed, above 0.
        limit: f64,
    },
    /// Each gradient is cut to [−`limit`, `limit`] (Keras' `clipvalue`).
    Value {
        /// The largest absolute value allowed, above 0.
        limit: f64,
    },
}

/// Serde ignores unknown fields beside a unit variant's tag; this refuses them.
fn no_fields<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct NoFields {}
    NoFields::deserialize(deserializer).map(|NoFields {}| ())
}

impl Clipping {
    /// Checks that the limit is above 0 and finite.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        match *self {
            Self::None => Ok(()),
            Self::GlobalNorm { limit } | Self::Value { limit } => require_positive("limit", limit),
        }
    }
}

/// Clips `gradients` in place and returns their L2 norm from before.
///
/// Where that norm is NaN or infinite, the gradients **stay as they are**, whatever the clipping: scaling would turn every one
/// of them to NaN or 0 and hide which were broken. The caller sees the norm and decides.
#[inline(never)] // compiled once: see `instances`
pub fn clip<T: Real>(gradients: &mut [T], clipping: &Clipping) -> f64 {
    let norm = l2_norm(gradients);
    if !norm.is_finite() {
        return norm;
    }
    match *clipping {
        Clipping::GlobalNorm { limit } if norm > limit => {
            // In `f64`: the factor may be too small for an `f32`.
            let factor = limit / norm;
            replace_each(gradients, |g| T::from_f64(g.to_f64() * factor));
        }
        Clipping::Value { limit } => {
            let limit = T::from_f64(limit);
            replace_each(gradients, |g| {
                if g > limit {
                    limit
                } else if g < -limit {
                    -limit
                } else {
                    g
                }
            });
        }
        Clipping::None | Clipping::GlobalNorm { .. } => {}
    }
    norm
}

fn replace_each<T: Real>(values: &mut [T], replacement: impl Fn(T) -> T + Sync) {
    let piece_len = reduce::piece_len(values.len());
    team::for_each(values.len() / 2, values.chunks_mut(piece_len), |piece| {
        for value in piece {
            *value = replacement(*value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_norm_scales_to_the_limit() {
        let mut gradients = [3.0_f64, -4.0, 0.0];
        assert_eq!(clip(&mut gradients, &Clipping::GlobalNorm { limit: 2.5 }), 5.0);
        assert_eq!(gradients, [1.5, -2.0, 0.0]);
        assert_eq!(clip(&mut gradients, &Clipping::GlobalNorm { limit: 2.5 }), 2.5);
        assert_eq!(gradients, [1.5, -2.0, 0.0], "at the limit nothing changes");
    }

    #[test]
    fn value_cuts_each_side() {
        let mut gradients = [0.5_f32, -7.0, 2.0, -0.0];
        clip(&mut gradients, &Clipping::Value { limit: 1.0 });
        assert_eq!(gradients.map(f32::to_bits), [0.5_f32, -1.0, 1.0, -0.0].map(f32::to_bits));
    }

    #[test]
    fn huge_single_precision_gradients_are_scaled_not_flushed() {
        let mut gradients = [3e38_f32, -3e38, 3e38];
        clip(&mut gradients, &Clipping::GlobalNorm { limit: 1e-6 });
        approx::assert_relative_eq!(l2_norm(&gradients), 1e-6, max_relative = 1e-6);
    }

    #[test]
    fn a_non_finite_norm_is_reported_and_nothing_is_touched() {
        for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for clipping in [Clipping::None, Clipping::GlobalNorm { limit: 1.0 }, Clipping::Value { limit: 1.0 }] {
                let before = [5.0, broken, -2.0];
                let mut gradients = before;
                assert!(!clip(&mut gradients, &clipping).is_finite());
                assert_eq!(gradients.map(f64::to_bits), before.map(f64::to_bits));
            }
        }
    }

    #[test]
    fn settings_as_files_spell_them() {
        let read = |text: &str| serde_json::from_str::<Clipping>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"kind":"none"}"#), Ok(Clipping::None));
        assert_eq!(read(r#"{"kind":"global-norm","limit":1}"#), Ok(Clipping::GlobalNorm { limit: 1.0 }));
        assert_eq!(read(r#"{"kind":"value","limit":0.5}"#), Ok(Clipping::Value { limit: 0.5 }));
        for wrong in [
            r#"{"kind":"none","limit":1}"#,
            r#"{"kind":"value","limit":1,"norm":2}"#,
            r#"{"kind":"value"}"#,
            r#"{"kind":"global"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong} was accepted");
        }
        for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Clipping::GlobalNorm { limit }.check().is_err() && Clipping::Value { limit }.check().is_err());
        }
    }
}
