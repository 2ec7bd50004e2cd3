//! One pass over parameters, gradients and an optimiser's state: in parallel, in fixed pieces, with the update's norm.

use flameout_kernels::reduce::{self, LANES, PIECES};
use flameout_kernels::{Real, dispatch, team};

use crate::Error;

/// The buffers of a step, all of one length: `N` of them state (moments).
pub(crate) struct Buffers<'a, T, const N: usize> {
    parameters: &'a mut [T],
    gradients: &'a [T],
    state: [&'a mut [T]; N],
}

impl<'a, T: Real, const N: usize> Buffers<'a, T, N> {
    /// Buffers of `count` elements each.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer of another length (state read from a damaged file, too).
    pub(crate) fn new(
        count: usize,
        parameters: &'a mut [T],
        gradients: &'a [T],
        state: [&'a mut [T]; N],
    ) -> Result<Self, Error> {
        let lengths = [("the parameter buffer", parameters.len()), ("the gradient buffer", gradients.len())];
        let state_lengths = state.iter().map(|buffer| ("a buffer of the optimiser's state", buffer.len()));
        for (what, found) in lengths.into_iter().chain(state_lengths) {
            if found != count {
                return Err(Error::Length { what, expected: count, found });
            }
        }
        Ok(Self { parameters, gradients, state })
    }

    pub(crate) fn len(&self) -> usize {
        self.parameters.len()
    }

    pub(crate) fn split_at(self, middle: usize) -> (Self, Self) {
        let (left_parameters, right_parameters) = self.parameters.split_at_mut(middle);
        let (left_gradients, right_gradients) = self.gradients.split_at(middle);
        let mut right_state = [(); N].map(|()| Default::default());
        let mut right = right_state.iter_mut();
        let left_state = self.state.map(|buffer| {
            let (head, tail) = buffer.split_at_mut(middle);
            if let Some(slot) = right.next() {
                *slot = tail;
            }
            head
        });
        (
            Self { parameters: left_parameters, gradients: left_gradients, state: left_state },
            Self { parameters: right_parameters, gradients: right_gradients, state: right_state },
        )
    }

    /// Σ `term(g, state)`, in the order of [`reduce::sum_of`].
    pub(crate) fn sum(&self, term: impl Fn(T, [T; N]) -> f64 + Sync) -> f64 {
        reduce::sum_of_zipped(self.gradients, self.state.each_ref().map(|buffer| &**buffer), term)
    }

    /// Replaces every `(θ, state)` by `element(θ, g, state)` and returns Σ (θ_new − θ_old)², in the order of
    /// [`reduce::sum_of`].
    pub(crate) fn apply(self, element: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync) -> f64 {
        let piece_len = reduce::piece_len(self.len());
        let mut sums = [0.0; PIECES];
        let sums = &mut sums[..self.len().div_ceil(piece_len)];
        let apply = |(sum, piece): (&mut f64, Self)| {
            *sum = dispatch(
                #[inline(always)]
                || piece.apply_to_piece(&element),
            );
        };
        // A root and a quotient an element: about a nanosecond.
        team::for_each(self.len(), sums.iter_mut().zip(self.pieces(piece_len)), apply);
        reduce::in_order(sums)
    }

    /// The buffers in pieces of `len` elements, the last of them what is left.
    fn pieces(self, len: usize) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let buffers = rest.take()?;
            if buffers.len() <= len {
                return Some(buffers);
            }
            let (piece, others) = buffers.split_at(len);
            rest = Some(others);
            Some(piece)
        })
    }

    /// Blocks of [`LANES`] elements in arrays, so that the compiler sees fixed lengths and uses vector registers.
    #[inline(always)]
    fn apply_to_piece(self, element: &impl Fn(T, T, [T; N]) -> (T, [T; N])) -> f64 {
        let mut lanes = [0.0; LANES];
        let (parameters, parameters_tail) = self.parameters.as_chunks_mut::<LANES>();
        let (gradients, gradients_tail) = self.gradients.as_chunks::<LANES>();
        let mut state_tails: [&mut [T]; N] = [(); N].map(|()| Default::default());
        let mut tails = state_tails.iter_mut();
        let mut state: [&mut [[T; LANES]]; N] = self.state.map(|buffer| {
            let (blocks, tail) = buffer.as_chunks_mut::<LANES>();
            if let Some(slot) = tails.next() {
                *slot = tail;
            }
            blocks
        });
        for (block, (parameters, gradients)) in parameters.iter_mut().zip(gradients).enumerate() {
            // Values are copied out and back, which tells the compiler that no buffer overlaps another.
            let (old, gradients) = (*parameters, *gradients);
            let old_state = state.each_ref().map(|blocks| blocks[block]);
            let mut new = [T::ZERO; LANES];
            let mut new_state = [[T::ZERO; LANES]; N];
            for lane in 0..LANES {
                let (moved, moved_state) = element(old[lane], gradients[lane], old_state.map(|values| values[lane]));
                new[lane] = moved;
                for (values, value) in new_state.iter_mut().zip(moved_state) {
                    values[lane] = value;
                }
            }
            *parameters = new;
            for (blocks, values) in state.iter_mut().zip(new_state) {
                blocks[block] = values;
            }
            for lane in 0..LANES {
                lanes[lane] += squared_difference(new[lane], old[lane]);
            }
        }
        for (lane, (parameter, &gradient)) in parameters_tail.iter_mut().zip(gradients_tail).enumerate() {
            let old = *parameter;
            let (new, moved) = element(old, gradient, state_tails.each_ref().map(|tail| tail[lane]));
            *parameter = new;
            for (tail, value) in state_tails.iter_mut().zip(moved) {
                tail[lane] = value;
            }
            lanes[lane] += squared_difference(new, old);
        }
        reduce::in_order(&lanes)
    }
}

/// (new − old)² in `f64`, where the difference of two `f32` does not lose small updates.
#[inline(always)]
fn squared_difference<T: Real>(new: T, old: T) -> f64 {
    let difference = new.to_f64() - old.to_f64();
    difference * difference
}
