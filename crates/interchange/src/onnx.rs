//! ONNX files, to run a network with onnxruntime and its like. Writing only.
//!
//! | | name | shape and type |
//! | --- | --- | --- |
//! | input | `indices` | `(batch, time)`, `int64`: character indices |
//! | output | `vectors` | `(batch, outputs)`, `float` |
//!
//! Batch and time are free. An index outside the alphabet is an input of zeros. Operator set 17, IR version 8. The
//! model's properties (`metadata_props`) are those of [`Metadata`](crate::Metadata), and `flameout.architecture`, the
//! layers as JSON.
//!
//! ```python
//! session = onnxruntime.InferenceSession("model.onnx")
//! (vectors,) = session.run(["vectors"], {"indices": indices})
//! alphabet = session.get_modelmeta().custom_metadata_map["flameout.alphabet"]
//! ```
//!
//! The graph: `Transpose` to time first and `OneHot`; an LSTM or GRU layer is the operator of that name with the layer's
//! own activations (`HardSigmoid` with α = 0.2, β = 0.5 is Keras 1's) and, for the GRU, `linear_before_reset`; a
//! bidirectional one is the operator with `direction="bidirectional"`, whose two outputs `Transpose` and `Reshape` put side
//! by side, forward's before backward's; a dense layer is `Gemm`, or `MatMul` and `Add` at each time step, and its
//! activation. All networks of this project can be said.

mod graph;
mod messages;

use std::path::Path;

use prost::Message;

use crate::error::Error;
use crate::file;
use crate::model::Model;
use messages::{ModelProto, OperatorSet, Property};

const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 17;

/// Writes a file, replacing what is there only once everything is on the disk.
///
/// # Errors
/// As [`to_bytes`]; [`Error::Io`] if writing fails.
pub fn write(model: &Model, path: &Path) -> Result<(), Error> {
    file::write(path, &to_bytes(model)?)
}

/// The bytes of the file: the same for the same model.
///
/// # Errors
/// [`Error::Inexpressible`] for a layer unknown to this version, or for a network beyond the 2 GiB of a protobuf file;
/// [`Error::Metadata`] if the metadata do not fit the network.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let properties = model.metadata.to_pairs(model.network.architecture())?;
    let proto = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("flameout".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph::graph(&model.network)?),
        opset_import: vec![OperatorSet { domain: Some(String::new()), version: Some(OPERATOR_SET) }],
        metadata_props: properties
            .into_iter()
            .map(|(key, value)| Property { key: Some(key), value: Some(value) })
            .collect(),
    };
    if i32::try_from(proto.encoded_len()).is_err() {
        let what = format!("it takes {} bytes, and a file may have 2 GiB: use safetensors", proto.encoded_len());
        return Err(Error::Inexpressible { format: "ONNX", what });
    }
    Ok(proto.encode_to_vec())
}
