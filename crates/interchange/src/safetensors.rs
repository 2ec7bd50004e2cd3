//! safetensors files with PyTorch's state-dict names, both ways.
//!
//! Layer `n` is the module `layern`: `layer0.weight_ih_l0`, `layer0.weight_hh_l0`, `layer0.bias_ih_l0`,
//! `layer0.bias_hh_l0` for an LSTM or GRU, `layer1.weight` and `layer1.bias` for a dense layer, time-distributed or not.
//! All are `F32` with PyTorch's shapes and its order of gates (i f g o; r z n). An LSTM's one bias is `bias_ih_l0`, with
//! zeros in `bias_hh_l0`. The file's metadata are those of [`Metadata`](crate::Metadata), and `flameout.architecture`,
//! the layers as JSON.
//!
//! In PyTorch the network of `Architecture::lstm_single(27, 8, 5, Flavour::PyTorch)` is
//!
//! ```python
//! class Speller(torch.nn.Module):
//!     def __init__(self):
//!         super().__init__()
//!         self.layer0 = torch.nn.LSTM(27, 8, batch_first=True)
//!         self.layer1 = torch.nn.Linear(8, 5)
//!
//!     def forward(self, indices):  # (batch, time)
//!         states, _ = self.layer0(torch.nn.functional.one_hot(indices, 27).float())
//!         return self.layer1(states[:, -1])
//!
//! speller = Speller()
//! speller.load_state_dict(safetensors.torch.load_file("model.safetensors"))
//! ```
//!
//! A bidirectional layer has the same four tensors once more, with `_reverse` at the end, as
//! `nn.LSTM(bidirectional=True)`. **Of its states take each direction's last**: where the backward direction has read the
//! whole word is the first time step of PyTorch's output, so that `states[:, -1]` is wrong, and `h_n` right. The network of
//! `Architecture::lstm_bidirectional(27, 8, 5, Flavour::PyTorch)` is
//!
//! ```python
//!         self.layer0 = torch.nn.LSTM(27, 8, batch_first=True, bidirectional=True)
//!         self.layer1 = torch.nn.Linear(2 * 8, 5)
//!
//!     def forward(self, indices):  # (batch, time)
//!         _, (h_n, _) = self.layer0(torch.nn.functional.one_hot(indices, 27).float())  # GRU: _, h_n = ...
//!         return self.layer1(torch.cat([h_n[0], h_n[1]], dim=1))  # forward's before backward's
//! ```
//!
//! PyTorch has sigmoid gates only, and a GRU's reset gate acts after the product only: other networks are
//! [`Error::Inexpressible`](crate::Error::Inexpressible).
//!
//! [`read`] takes state dicts of `nn.LSTM`, `nn.GRU` (with as many stacked layers as there are, in one direction or both,
//! with biases or without), `nn.Linear`, and an `nn.Embedding` in front, whatever the modules are called. Numbers may be
//! `F32`, `F64`, `F16` or `BF16`. A state dict does not tell the program: which module feeds which, which states go on and
//! which activations stand between. What can be assumed is told ([`Imported::assumed`](crate::Imported::assumed)), the rest
//! is an error unless the [`Choices`](crate::Choices) tell it:
//!
//! | | assumed |
//! | --- | --- |
//! | order of the modules | recurrent ones, then linear ones, in the order of their names, numbers counted; else the only one that fits the shapes |
//! | states | the last one of the last recurrent layer; of a bidirectional layer each direction's own last |
//! | activation of the last linear layer | none |
//! | activation of other linear layers | must be told |
//!
//! [`read_weights`] takes the architecture.

mod infer;
mod read;
mod state_dict;
mod write;

pub use read::{from_bytes, read, read_weights};
pub use write::{to_bytes, write};

/// What the names of the second direction's parameters end in.
const REVERSE: &str = "_reverse";
/// What the names of each direction's parameters end in.
const DIRECTIONS: [&str; 2] = ["", REVERSE];
