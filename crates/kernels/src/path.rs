//! Which instruction set the kernels use: chosen once, the same bits from each.

use std::ffi::OsStr;
use std::fmt;
use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Path {
    /// Plain Rust; `mul_add` may be a call into a software routine. Slow, and the oracle of the tests.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F.
    Avx512,
    /// AArch64 (NEON is part of the base architecture).
    Neon,
}

/// The environment variable that forces a path.
pub const VARIABLE: &str = "FLAMEOUT_KERNELS";

impl Path {
    /// Slowest first.
    const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Neon];

    /// Every path this machine can run, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|path| path.is_available()).collect()
    }

    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
            Self::Neon => cfg!(target_arch = "aarch64"),
        }
    }

    /// The path in use: the fastest available one, or the one that `FLAMEOUT_KERNELS=portable|avx2|avx512|neon` names
    /// (nothing, if it is empty). Decided at the first call.
    ///
    /// # Panics
    /// If the variable names no path, or one that this machine lacks.
    #[must_use]
    pub fn current() -> Self {
        static CURRENT: OnceLock<Path> = OnceLock::new();
        *CURRENT.get_or_init(|| Self::requested().unwrap_or_else(|error| panic!("{error}")))
    }

    /// The path that [`current`](Self::current) returns, or an error where that panics.
    ///
    /// # Errors
    /// [`Unavailable`] if the variable names no path, or one that this machine lacks.
    pub fn requested() -> Result<Self, Unavailable> {
        match std::env::var_os(VARIABLE) {
            Some(name) if !name.is_empty() => Self::named(&name),
            _ => Ok(*Self::available().last().expect("the portable path is always there")),
        }
    }

    /// The path's name as `FLAMEOUT_KERNELS` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    fn named(name: &OsStr) -> Result<Self, Unavailable> {
        let named = Self::available().into_iter().find(|path| path.name() == name);
        named.ok_or_else(|| Unavailable { name: name.to_string_lossy().into_owned() })
    }
}

/// `FLAMEOUT_KERNELS` names no path, or one that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// What it says.
    pub name: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Path::available().iter().map(|path| path.name()).collect();
        write!(f, "{VARIABLE}={}: this machine has {}", self.name, names.join(", "))
    }
}

impl std::error::Error for Unavailable {}

/// Runs `f` compiled for the path in use, so that its loops become vector code.
///
/// Mark the closure `#[inline(always)]`, and every function it calls in its loops: only what is inlined here is compiled
/// for the path; the rest stays plain code, with `mul_add` as a slow call.
///
/// ```
/// # use flameout_kernels::dispatch;
/// let mut values = [1.0_f32, 2.0, 3.0];
/// dispatch(
///     #[inline(always)]
///     || values.iter_mut().for_each(|x| *x = x.mul_add(2.0, 1.0)),
/// );
/// assert_eq!(values, [3.0, 5.0, 7.0]);
/// ```
///
/// `f`'s arithmetic must not depend on the path: operations on [`Real`](crate::Real) do not.
#[inline]
pub fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    match Path::current() {
        // SAFETY: `Path::current` returns a path only after detecting its features on this processor.
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => unsafe { with_avx512(f) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { with_avx2(f) },
        _ => f(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_path_is_available() {
        assert!(Path::available().contains(&Path::current()));
    }

    #[test]
    fn dispatch_returns_what_the_closure_returns() {
        assert_eq!(
            dispatch(
                #[inline(always)]
                || 2.0_f32.mul_add(3.0, 1.0)
            ),
            7.0
        );
    }

    #[test]
    fn a_path_is_known_by_its_name_and_another_name_is_refused() {
        for path in Path::available() {
            assert_eq!(Path::named(path.name().as_ref()), Ok(path));
        }
        let error = Path::named("quantum".as_ref()).unwrap_err().to_string();
        assert!(error.starts_with("FLAMEOUT_KERNELS=quantum: this machine has portable"), "{error}");
    }
}
