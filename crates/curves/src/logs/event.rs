//! The parts of TensorFlow's `Event` protobuf that hold scalars (`event.proto`, `summary.proto`, `tensor.proto`).

use prost::Message;

/// `tensorflow.Event`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(crate) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    /// Of the first record of a file.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) file_version: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(crate) summary: Option<Summary>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryValue {
    /// Text; as bytes, so that a tag that is no UTF-8 spoils only itself.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) tag: Vec<u8>,
    /// TensorFlow 1, PyTorch.
    #[prost(float, optional, tag = "2")]
    pub(crate) simple_value: Option<f32>,
    /// TensorFlow 2.
    #[prost(message, optional, tag = "8")]
    pub(crate) tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<Metadata>,
}

/// `tensorflow.SummaryMetadata`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) plugin_data: Option<PluginData>,
}

/// `tensorflow.SummaryMetadata.PluginData`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PluginData {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) plugin_name: Vec<u8>,
}

/// `tensorflow.TensorProto`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int32, tag = "1")]
    pub(crate) dtype: i32,
    /// Without dimensions for a scalar; not looked at in reading.
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    pub(crate) floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub(crate) doubles: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    pub(crate) ints: Vec<i32>,
    #[prost(int64, repeated, tag = "10")]
    pub(crate) longs: Vec<i64>,
    /// `half` and `bfloat16`, by their bits.
    #[prost(int32, repeated, tag = "13")]
    pub(crate) halves: Vec<i32>,
}

/// `tensorflow.TensorShapeProto`, but for its dimensions.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {}

/// `tensorflow.DataType`: those that scalars are logged in.
mod dtype {
    pub(super) const FLOAT: i32 = 1;
    pub(super) const DOUBLE: i32 = 2;
    pub(super) const INT32: i32 = 3;
    pub(super) const INT64: i32 = 9;
    pub(super) const BFLOAT16: i32 = 14;
}

impl SummaryValue {
    /// The scalar that it is, if it is one.
    pub(crate) fn scalar(&self) -> Option<f64> {
        if let Some(value) = self.simple_value {
            return Some(value.into());
        }
        let plugin = self.metadata.as_ref().and_then(|metadata| metadata.plugin_data.as_ref());
        if plugin.is_some_and(|plugin| !plugin.plugin_name.is_empty() && plugin.plugin_name != b"scalars") {
            return None;
        }
        self.tensor.as_ref()?.scalar()
    }
}

impl Tensor {
    /// A tensor of one element.
    pub(crate) fn of(value: f64) -> Self {
        let (shape, content) = (Some(Shape {}), value.to_le_bytes().to_vec());
        Self { dtype: dtype::DOUBLE, shape, content, ..Self::default() }
    }

    /// Its only element, if it has one only.
    fn scalar(&self) -> Option<f64> {
        match self.dtype {
            dtype::FLOAT => only(&self.content, &self.floats, f32::from_le_bytes).map(f64::from),
            dtype::DOUBLE => only(&self.content, &self.doubles, f64::from_le_bytes),
            dtype::INT32 => only(&self.content, &self.ints, i32::from_le_bytes).map(f64::from),
            dtype::INT64 => only(&self.content, &self.longs, i64::from_le_bytes).map(|value| value as f64),
            // The upper half of a `f32`.
            dtype::BFLOAT16 => {
                let bits = only(&self.content, &self.halves, |bytes| u16::from_le_bytes(bytes).into())?;
                Some(f32::from_bits((bits as u32 & 0xffff) << 16).into())
            }
            _ => None,
        }
    }
}

/// Tensors hold their elements as bytes or as a list.
fn only<T: Copy, const N: usize>(content: &[u8], list: &[T], of_bytes: impl Fn([u8; N]) -> T) -> Option<T> {
    match (content, list) {
        (&[], &[value]) => Some(value),
        (bytes, &[]) => bytes.try_into().ok().map(of_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dtype: i32) -> Tensor {
        Tensor { dtype, ..Tensor::default() }
    }

    #[test]
    fn scalars_of_every_kind_are_found() {
        let content = |dtype, bytes: &[u8]| Tensor { content: bytes.into(), ..tensor(dtype) }.scalar();
        assert_eq!(content(1, &0.5f32.to_le_bytes()), Some(0.5));
        assert_eq!(content(2, &0.25f64.to_le_bytes()), Some(0.25));
        assert_eq!(content(3, &(-7i32).to_le_bytes()), Some(-7.0));
        assert_eq!(content(9, &9i64.to_le_bytes()), Some(9.0));
        assert_eq!(content(14, &[0x40, 0x3f]), Some(0.75));
        assert_eq!(Tensor { floats: vec![0.5], ..tensor(1) }.scalar(), Some(0.5));
        assert_eq!(Tensor { halves: vec![0x3f40], ..tensor(14) }.scalar(), Some(0.75));
    }

    #[test]
    fn what_is_no_scalar_is_none() {
        assert_eq!(tensor(1).scalar(), None);
        assert_eq!(Tensor { content: vec![0; 8], ..tensor(1) }.scalar(), None);
        assert_eq!(Tensor { floats: vec![0.5, 1.0], ..tensor(1) }.scalar(), None);
        assert_eq!(Tensor { content: vec![0; 4], ..tensor(7) }.scalar(), None);
        let plugin = PluginData { plugin_name: b"text".to_vec() };
        let metadata = Some(Metadata { plugin_data: Some(plugin) });
        let one = Tensor { floats: vec![0.5], ..tensor(1) };
        assert_eq!(SummaryValue { metadata, tensor: Some(one), ..SummaryValue::default() }.scalar(), None);
    }
}
