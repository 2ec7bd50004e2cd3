//! A network as a graph of ONNX operators.

use flameout_cells::{Activation, Reset};
use flameout_model::{LayerKind, Sequential};
use ndarray::Array2;

use super::messages::{
    Attribute, Dimension, DimensionValue, Graph, Node, Shape, TensorProto, TensorType, Type, ValueInfo, attribute_type,
    data_type,
};
use crate::error::Error;
use crate::gates;
use crate::parameters::{BIAS, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL, get};
use crate::recurrent::{Cell, Recurrent};

const INPUT: &str = "indices";
const OUTPUT: &str = "vectors";

/// The graph from `indices` to `vectors`.
pub(super) fn graph(network: &Sequential<f32>) -> Result<Graph, Error> {
    let architecture = network.architecture();
    let mut builder =
        Builder { network, node: Vec::new(), initializer: Vec::new(), value: INPUT.into(), sequence: true };
    builder.one_hot(architecture.alphabet);
    for (index, layer) in architecture.layers.iter().enumerate() {
        builder.layer(index, layer)?;
    }
    builder.node("Identity", "output", &[], Some(OUTPUT));
    let free = |name: &str| DimensionValue::Free(name.into());
    let outputs = DimensionValue::Fixed(architecture.outputs() as i64);
    Ok(Graph {
        node: builder.node,
        name: Some("flameout".into()),
        initializer: builder.initializer,
        input: vec![value_info(INPUT, data_type::INT64, [free("batch"), free("time")])],
        output: vec![value_info(OUTPUT, data_type::FLOAT, [free("batch"), outputs])],
    })
}

/// Nodes in a chain, each fed with the one before.
struct Builder<'a> {
    network: &'a Sequential<f32>,
    node: Vec<Node>,
    initializer: Vec<TensorProto>,
    /// What the next node is fed with.
    value: String,
    /// Whether that is `(time, batch, …)`, else `(batch, …)`.
    sequence: bool,
}

impl Builder<'_> {
    /// ONNX' recurrent operators want time first.
    fn one_hot(&mut self, alphabet: usize) {
        self.node("Transpose", "time_first", &[], None).attribute.push(ints("perm", vec![1, 0]));
        self.tensor("alphabet_size", Vec::new(), data_type::INT64, (alphabet as i64).to_le_bytes().to_vec());
        self.floats("off_and_on", &[2], &[0.0, 1.0]);
        self.node("OneHot", "one_hot", &["alphabet_size", "off_and_on"], None).attribute.push(int("axis", -1));
    }

    fn layer(&mut self, index: usize, layer: &LayerKind) -> Result<(), Error> {
        if let Some(recurrent) = Recurrent::of(layer) {
            return self.recurrent(index, &recurrent);
        }
        match *layer {
            LayerKind::Dense { activation, .. } | LayerKind::TimeDistributed { activation, .. } => {
                self.dense(index);
                self.activation(index, activation)
            }
            LayerKind::LastStep { .. } => {
                self.last_step(index);
                Ok(())
            }
            ref other => Err(inexpressible(index, &format!("is of a kind unknown to this version: {}", other.name()))),
        }
    }

    /// The operator, and of its outputs `Y (time, directions, batch, units)` or `Y_h (directions, batch, units)`.
    fn recurrent(&mut self, index: usize, layer: &Recurrent) -> Result<(), Error> {
        if !self.sequence {
            return Err(inexpressible(index, "is recurrent, but fed with one vector a word"));
        }
        let mut attributes = vec![int("hidden_size", layer.units as i64)];
        let (operator, activations) = match layer.cell {
            Cell::Lstm => ("LSTM", vec![layer.gate_activation, Activation::Tanh, Activation::Tanh]),
            Cell::Gru { reset } => {
                attributes.push(int("linear_before_reset", i64::from(reset == Reset::After)));
                ("GRU", vec![layer.gate_activation, Activation::Tanh])
            }
        };
        if layer.bidirectional {
            attributes.push(string("direction", "bidirectional"));
        }
        // Each direction's, one after the other.
        attributes.extend(activation_attributes(index, &activations.repeat(layer.directions().len()))?);

        self.recurrent_tensors(index, layer);
        let tensors = ["W", "R", "B"].map(|name| format!("layer{index}.{name}"));
        let node = self.node(operator, &format!("layer{index}"), &tensors.each_ref().map(String::as_str), None);
        node.attribute = attributes;
        if !layer.return_sequences {
            // The first output is every state, the second the last.
            node.output.insert(0, String::new());
        }
        if layer.bidirectional {
            self.join_directions(index, layer.return_sequences);
        } else {
            let axis = format!("layer{index}.direction");
            self.integers(&axis, &[i64::from(layer.return_sequences)]);
            self.node("Squeeze", &format!("layer{index}.states"), &[&axis], None);
        }
        self.sequence = layer.return_sequences;
        Ok(())
    }

    /// `W (directions, gates·units, inputs)`, `R (directions, gates·units, units)`, `B (directions, 2·gates·units)`: both
    /// biases in a row.
    fn recurrent_tensors(&mut self, index: usize, layer: &Recurrent) {
        let order: &[usize] = match layer.cell {
            Cell::Lstm => &gates::ONNX_LSTM,
            Cell::Gru { .. } => &gates::ONNX_GRU,
        };
        let directions = layer.directions();
        for (name, tensor) in [("W", KERNEL), ("R", RECURRENT_KERNEL)] {
            let of = |direction: &&str| {
                let tensor = get(self.network, index, &format!("{direction}{tensor}"));
                gates::reorder(tensor, order).reversed_axes()
            };
            let matrices: Vec<Array2<f32>> = directions.iter().map(of).collect();
            let shape = [directions.len(), matrices[0].nrows(), matrices[0].ncols()];
            let values: Vec<f32> = matrices.iter().flat_map(|matrix| gates::values(matrix.view())).collect();
            self.floats(&format!("layer{index}.{name}"), &shape, &values);
        }
        let mut biases = Vec::new();
        for direction in directions {
            let bias = get(self.network, index, &format!("{direction}{BIAS}"));
            let recurrent_bias = match layer.cell {
                Cell::Gru { reset: Reset::After } => {
                    get(self.network, index, &format!("{direction}{RECURRENT_BIAS}")).to_owned()
                }
                Cell::Lstm | Cell::Gru { reset: Reset::Before } => Array2::zeros(bias.dim()),
            };
            biases.extend(gates::reorder(bias, order));
            biases.extend(gates::reorder(recurrent_bias.view(), order));
        }
        let shape = [directions.len(), biases.len() / directions.len()];
        self.floats(&format!("layer{index}.B"), &shape, &biases);
    }

    /// Moves the directions beside the units, and makes both one axis: `(…, batch, 2·units)`.
    fn join_directions(&mut self, index: usize, return_sequences: bool) {
        // A zero keeps the size that is there, -1 takes what is left.
        let (order, shape) =
            if return_sequences { (vec![0, 2, 1, 3], &[0, 0, -1][..]) } else { (vec![1, 0, 2], &[0, -1][..]) };
        let beside = self.node("Transpose", &format!("layer{index}.side_by_side"), &[], None);
        beside.attribute.push(ints("perm", order));
        let name = format!("layer{index}.shape");
        self.integers(&name, shape);
        self.node("Reshape", &format!("layer{index}.states"), &[&name], None);
    }

    /// `(time, batch, …)` at time −1.
    fn last_step(&mut self, index: usize) {
        if self.sequence {
            let last = format!("layer{index}.last");
            self.tensor(&last, Vec::new(), data_type::INT64, (-1_i64).to_le_bytes().to_vec());
            self.node("Gather", &format!("layer{index}"), &[&last], None);
            self.sequence = false;
        }
    }

    fn dense(&mut self, index: usize) {
        let (kernel, bias) = (get(self.network, index, KERNEL), get(self.network, index, BIAS));
        let [kernel_name, bias_name] = ["kernel", "bias"].map(|name| format!("layer{index}.{name}"));
        self.floats(&kernel_name, &[kernel.nrows(), kernel.ncols()], &gates::values(kernel));
        self.floats(&bias_name, &[bias.len()], &gates::values(bias));
        if self.sequence {
            self.node("MatMul", &format!("layer{index}.product"), &[&kernel_name], None);
            self.node("Add", &format!("layer{index}"), &[&bias_name], None);
        } else {
            self.node("Gemm", &format!("layer{index}"), &[&kernel_name, &bias_name], None);
        }
    }

    fn activation(&mut self, index: usize, activation: Activation) -> Result<(), Error> {
        if activation == Activation::Linear {
            return Ok(());
        }
        let (operator, line) = operator(index, activation)?;
        let node = self.node(operator, &format!("layer{index}.activation"), &[], None);
        node.attribute.extend(line.iter().flat_map(|&(alpha, beta)| [float("alpha", alpha), float("beta", beta)]));
        Ok(())
    }

    /// A node fed with the value so far and then `inputs`; what it gives, named as the node or `output`, is the next value.
    fn node(&mut self, operator: &str, name: &str, inputs: &[&str], output: Option<&str>) -> &mut Node {
        let output = output.unwrap_or(name).to_owned();
        let value = std::mem::replace(&mut self.value, output.clone());
        self.node.push(Node {
            input: std::iter::once(value).chain(inputs.iter().map(|&input| input.to_owned())).collect(),
            output: vec![output],
            name: Some(format!("{name}.node")),
            op_type: Some(operator.into()),
            attribute: Vec::new(),
        });
        self.node.last_mut().expect("just pushed")
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape.iter().map(|&size| size as i64).collect(), data_type::FLOAT, bytes);
    }

    /// A vector of integers.
    fn integers(&mut self, name: &str, values: &[i64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, vec![values.len() as i64], data_type::INT64, bytes);
    }

    fn tensor(&mut self, name: &str, dims: Vec<i64>, data_type: i32, bytes: Vec<u8>) {
        let (data_type, raw_data) = (Some(data_type), Some(bytes));
        self.initializer.push(TensorProto { dims, data_type, name: Some(name.into()), raw_data });
    }
}

/// The activations of a recurrent operator; α and β are listed for those that have them.
fn activation_attributes(layer: usize, activations: &[Activation]) -> Result<Vec<Attribute>, Error> {
    let mut names = Vec::new();
    let (mut alphas, mut betas) = (Vec::new(), Vec::new());
    for &activation in activations {
        let (name, line) = operator(layer, activation)?;
        names.push(name.as_bytes().to_vec());
        alphas.extend(line.map(|(alpha, _)| alpha));
        betas.extend(line.map(|(_, beta)| beta));
    }
    let mut attributes = vec![Attribute { strings: names, ..attribute("activations", attribute_type::STRINGS) }];
    if !alphas.is_empty() {
        attributes.extend([floats("activation_alpha", alphas), floats("activation_beta", betas)]);
    }
    Ok(attributes)
}

/// α and β of a clipped line.
type Line = Option<(f32, f32)>;

/// ONNX' name of an activation, and a hard sigmoid's α and β: clip(αx + β, 0, 1).
fn operator(layer: usize, activation: Activation) -> Result<(&'static str, Line), Error> {
    match activation {
        Activation::Sigmoid => Ok(("Sigmoid", None)),
        Activation::HardSigmoid => Ok(("HardSigmoid", Some((0.2, 0.5)))),
        Activation::HardSigmoidSixth => Ok(("HardSigmoid", Some((1.0 / 6.0, 0.5)))),
        Activation::Tanh => Ok(("Tanh", None)),
        Activation::Relu => Ok(("Relu", None)),
        // Not `Affine`, its name inside of recurrent operators: no layer of ours has linear gates.
        other => Err(inexpressible(layer, &format!("has the activation {other:?}, which is not written here"))),
    }
}

fn inexpressible(index: usize, what: &str) -> Error {
    Error::Inexpressible { format: "ONNX", what: format!("layer {index} {what}") }
}

fn value_info(name: &str, elem_type: i32, dimensions: [DimensionValue; 2]) -> ValueInfo {
    let dim = dimensions.map(|value| Dimension { value: Some(value) }).to_vec();
    let tensor_type = Some(TensorType { elem_type: Some(elem_type), shape: Some(Shape { dim }) });
    ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type }) }
}

fn attribute(name: &str, r#type: i32) -> Attribute {
    Attribute { name: Some(name.into()), r#type: Some(r#type), ..Attribute::default() }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { i: Some(value), ..attribute(name, attribute_type::INT) }
}

fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute { ints: values, ..attribute(name, attribute_type::INTS) }
}

fn string(name: &str, value: &str) -> Attribute {
    Attribute { s: Some(value.into()), ..attribute(name, attribute_type::STRING) }
}

fn float(name: &str, value: f32) -> Attribute {
    Attribute { f: Some(value), ..attribute(name, attribute_type::FLOAT) }
}

fn floats(name: &str, values: Vec<f32>) -> Attribute {
    Attribute { floats: values, ..attribute(name, attribute_type::FLOATS) }
}
