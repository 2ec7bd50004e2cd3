//! A Keras file as a network.

use std::collections::BTreeMap;
use std::path::Path;

use flameout_cells::Activation;
use flameout_model::{Architecture, Cell, LayerKind};
use hdf5_pure::Group;
use serde_json::Value;

use super::archive::{self, is_archive};
use super::config;
use super::hdf5::Hdf5;
use super::layer::LayerWeights;
use super::version::Version;
use crate::error::Error;
use crate::file;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::parameters::build;
use crate::recurrent::Recurrent;

/// Reads a file that tells all there is to know (see the [module](super)).
///
/// # Errors
/// [`Error::Io`] if reading fails, [`Error::Format`] or [`Error::Tensor`] if the file is no sound Keras file of such a
/// network, [`Error::Undetermined`] if it does not tell which network its weights are of.
pub fn read(path: &Path) -> Result<Model, Error> {
    from_bytes(path, file::read(path)?)
}

/// As [`read`], of bytes; `path` is for messages only.
///
/// # Errors
/// As [`read`], but for [`Error::Io`].
pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Model, Error> {
    let keras = KerasFile::open(path, bytes)?;
    let (metadata, ours) = keras.metadata()?;
    match (ours, &keras.config) {
        (Some(architecture), _) => keras.model(architecture, metadata),
        (None, Some(config)) => {
            let layers = config::layers(path, keras.version, config)?;
            keras.model_of_layers(layers, metadata)
        }
        (None, None) => {
            let layers = keras.infer()?;
            keras.model_of_layers(layers, metadata)
        }
    }
}

/// Reads the weights of a file into a network of this architecture, whatever else the file tells.
///
/// # Errors
/// As [`read`]; [`Error::Format`] or [`Error::Tensor`] if the weights are not of this architecture.
pub fn read_weights(path: &Path, architecture: &Architecture) -> Result<Model, Error> {
    let keras = KerasFile::open(path, file::read(path)?)?;
    let (metadata, _) = keras.metadata()?;
    keras.model(architecture.clone(), metadata)
}

/// Keras' own attributes of a file; the others are the user's.
const KERAS_ATTRIBUTES: [&str; 5] = ["keras_version", "backend", "model_config", "training_config", "layer_names"];

/// Where in the HDF5 file the weights are.
enum Layout {
    /// Keras 1 and 2, and `.h5` files of Keras 3: a group that lists its layers, whose groups list their weights.
    Listed {
        /// The group's path, with a slash behind it unless it is the root.
        prefix: String,
        /// The layers with weights, in order.
        layers: Vec<String>,
    },
    /// Keras 3: `layers/lstm_1/cell/vars/0`, layers numbered by class.
    Numbered,
}

struct KerasFile<'a> {
    path: &'a Path,
    hdf5: Hdf5<'a>,
    version: Version,
    /// The model's configuration as JSON, in files of whole models.
    config: Option<String>,
    layout: Layout,
}

impl<'a> KerasFile<'a> {
    fn open(path: &'a Path, bytes: Vec<u8>) -> Result<Self, Error> {
        if !is_archive(&bytes) {
            return Self::open_hdf5(path, bytes);
        }
        let metadata = archive::text_member(path, &bytes, archive::METADATA)?;
        let metadata: Value = serde_json::from_str(&metadata)
            .map_err(|error| Error::format(path, format!("`{}` is no JSON: {error}", archive::METADATA)))?;
        let version = Version::parse(path, metadata["keras_version"].as_str())?;
        let config = Some(archive::text_member(path, &bytes, archive::CONFIG)?);
        let hdf5 = Hdf5::open(path, archive::member(path, &bytes, archive::WEIGHTS)?)?;
        Ok(Self { path, hdf5, version, config, layout: Layout::Numbered })
    }

    fn open_hdf5(path: &'a Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let hdf5 = Hdf5::open(path, bytes)?;
        let root = hdf5.root();
        let text = |name: &str| hdf5.strings(&root, name).map(|found| found.and_then(|list| list.into_iter().next()));
        let config = text("model_config")?;
        let written_by = text("keras_version")?;
        let (group, prefix) = match config {
            Some(_) => (hdf5.group("model_weights")?, "model_weights/"),
            None => (hdf5.root(), ""),
        };
        let layout = match hdf5.names(&group, "layer_names")? {
            Some(names) => Layout::Listed { prefix: prefix.into(), layers: with_weights(&hdf5, &group, names)? },
            None if root.groups().is_ok_and(|groups| groups.iter().any(|name| name == "layers")) => Layout::Numbered,
            None => return Err(Error::format(path, "has neither `layer_names` nor a group `layers`: no Keras file")),
        };
        let version = Version::parse(path, written_by.as_deref())?;
        Ok(Self { path, hdf5, version, config, layout })
    }

    fn metadata(&self) -> Result<(Metadata, Option<Architecture>), Error> {
        let mut pairs: BTreeMap<String, String> = self.hdf5.string_pairs(&self.hdf5.root())?.into_iter().collect();
        pairs.retain(|key, _| !KERAS_ATTRIBUTES.contains(&key.as_str()));
        Metadata::from_pairs(self.path, pairs)
    }

    /// The layers of a file that holds weights only.
    fn infer(&self) -> Result<Vec<LayerKind>, Error> {
        let Layout::Listed { layers, .. } = &self.layout else {
            return Err(Error::undetermined(self.path, "holds weights only, and not the order of the layers"));
        };
        let mut kinds = Vec::new();
        for index in 0..layers.len() {
            kinds.push(self.kind(self.listed(index)?)?);
        }
        let last_recurrent = kinds.iter().rposition(|kind| Recurrent::of(kind).is_some());
        for (index, kind) in kinds.iter_mut().enumerate() {
            match Recurrent::of(kind) {
                Some(layer) => *kind = Recurrent { return_sequences: Some(index) != last_recurrent, ..layer }.kind(),
                None if index + 1 == layers.len() => {}
                None => {
                    let what = format!("does not tell the activation of the dense layer `{}`", layers[index]);
                    return Err(Error::undetermined(self.path, what));
                }
            }
        }
        Ok(kinds)
    }

    /// What a layer of these weights is, if it has the defaults of the file's version of Keras.
    fn kind(&self, weights: LayerWeights) -> Result<LayerKind, Error> {
        let bidirectional = weights.is_bidirectional();
        let mut one_direction = if bidirectional { weights.halves().swap_remove(0) } else { weights };
        let (units, gates) = one_direction.units_and_gates(self.path)?;
        let cell = match gates {
            4 => Cell::Lstm,
            3 => Cell::Gru { reset: one_direction.reset() },
            _ => return Ok(LayerKind::Dense { units, activation: Activation::Linear }),
        };
        let gate_activation = self.version.gate_activation(self.path)?;
        Ok(Recurrent { cell, units, gate_activation, return_sequences: false, bidirectional }.kind())
    }

    /// The size of the alphabet is the number of rows of the first kernel.
    fn model_of_layers(&self, layers: Vec<LayerKind>, metadata: Metadata) -> Result<Model, Error> {
        let found = self.layer_weights(&layers)?;
        let kernel = found.first().and_then(|layer| layer.weights.first());
        let alphabet = kernel.ok_or_else(|| Error::format(self.path, "has no layer with weights"))?.values.nrows();
        self.assemble(Architecture { alphabet, layers }, found, metadata)
    }

    fn model(&self, architecture: Architecture, metadata: Metadata) -> Result<Model, Error> {
        let found = self.layer_weights(&architecture.layers)?;
        self.assemble(architecture, found, metadata)
    }

    fn assemble(
        &self,
        architecture: Architecture,
        weights: Vec<LayerWeights>,
        metadata: Metadata,
    ) -> Result<Model, Error> {
        let pairs = weights.into_iter().zip(&architecture.layers);
        let found = pairs.map(|(weights, kind)| weights.found(self.path, kind)).collect::<Result<Vec<_>, _>>()?;
        metadata.check(&architecture).map_err(|error| Error::format(self.path, error.to_string()))?;
        Ok(Model { network: build(self.path, architecture, &found)?, metadata })
    }

    /// The weights for each of these layers.
    fn layer_weights(&self, kinds: &[LayerKind]) -> Result<Vec<LayerWeights>, Error> {
        match &self.layout {
            Layout::Listed { layers, .. } if layers.len() == kinds.len() => {
                (0..kinds.len()).map(|index| self.listed(index)).collect()
            }
            Layout::Listed { layers, .. } => {
                let (held, wanted) = (layers.len(), kinds.len());
                let what = format!("has weights for {held} layers ({layers:?}), and the network has {wanted}");
                Err(Error::format(self.path, what))
            }
            Layout::Numbered => {
                let names = numbered_names(kinds);
                names.into_iter().zip(kinds).map(|(name, kind)| self.numbered(name, kind)).collect()
            }
        }
    }

    fn listed(&self, index: usize) -> Result<LayerWeights, Error> {
        let Layout::Listed { prefix, layers } = &self.layout else { unreachable!("asked for listed layouts only") };
        let name = &layers[index];
        let group = format!("{prefix}{name}");
        let names = self.hdf5.names(&self.hdf5.group(&group)?, "weight_names")?.unwrap_or_default();
        let weights = names.iter().map(|weight| self.hdf5.weight(&format!("{group}/{weight}")));
        Ok(LayerWeights { name: name.clone(), weights: weights.collect::<Result<_, _>>()? })
    }

    fn numbered(&self, name: String, kind: &LayerKind) -> Result<LayerWeights, Error> {
        let mut weights = Vec::new();
        for place in variables(kind) {
            let group = format!("layers/{name}/{place}");
            let count = self.hdf5.group(&group)?.datasets().map(|datasets| datasets.len()).unwrap_or(0);
            for index in 0..count {
                weights.push(self.hdf5.weight(&format!("{group}/{index}"))?);
            }
        }
        Ok(LayerWeights { name, weights })
    }
}

/// Those layers that have weights: input and dropout layers are listed too.
fn with_weights(hdf5: &Hdf5<'_>, group: &Group, names: Vec<String>) -> Result<Vec<String>, Error> {
    let mut layers = Vec::new();
    for name in names {
        let layer = group
            .group(&name)
            .map_err(|error| Error::format(hdf5.path, format!("layer `{name}` is listed, but its group: {error}")))?;
        if hdf5.names(&layer, "weight_names")?.is_some_and(|weights| !weights.is_empty()) {
            layers.push(name);
        }
    }
    Ok(layers)
}

/// Keras 3's names of layers in files: by class, the second of a class with `_1` and so on.
pub(super) fn numbered_names(kinds: &[LayerKind]) -> Vec<String> {
    let mut counts = BTreeMap::new();
    let name = |kind: &LayerKind| {
        let count = counts.entry(kind.name()).or_insert(0_usize);
        *count += 1;
        if *count == 1 { kind.name().to_owned() } else { format!("{}_{}", kind.name(), *count - 1) }
    };
    kinds.iter().map(name).collect()
}

/// Where in a layer's group its weights are: one group, or one for each direction.
pub(super) fn variables(kind: &LayerKind) -> &'static [&'static str] {
    match kind {
        LayerKind::Lstm { .. } | LayerKind::Gru { .. } => &["cell/vars"],
        LayerKind::Bidirectional { .. } => &["forward_layer/cell/vars", "backward_layer/cell/vars"],
        LayerKind::TimeDistributed { .. } => &["layer/vars"],
        _ => &["vars"],
    }
}
