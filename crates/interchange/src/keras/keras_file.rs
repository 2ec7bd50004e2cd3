//! A Keras file: where its weights are, and the networks that they make.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use flameout_model::{Architecture, LayerKind};
use hdf5_pure::Group;
use serde_json::Value;

use super::archive::{self, Archive};
use super::config::{self, Described, Network};
use super::graph;
use super::hdf5::Hdf5;
use super::layer::LayerWeights;
use super::version::Version;
use crate::error::Error;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::open::Open;
use crate::parameters::{Found, build, fold, is_kernel};
use crate::{file, shown};

/// Keras' own attributes of a file; the others are the user's.
const KERAS_ATTRIBUTES: [&str; 5] = ["keras_version", "backend", "model_config", "training_config", "layer_names"];

/// Where in the HDF5 file the weights are.
pub(super) enum Layout {
    /// Keras 1 and 2, and `.h5` files of Keras 3: a group that lists its layers, whose groups list their weights.
    Listed {
        /// The group's path, with a slash behind it unless it is the root.
        prefix: String,
        /// The layers, in order.
        all: Vec<String>,
        /// Those with weights, in order.
        weighted: Vec<String>,
    },
    /// Keras 3, and Keras 2 since 2.12: `layers/lstm_1/cell/vars/0`, layers numbered by class.
    Numbered {
        /// The group of the layers.
        root: String,
    },
}

/// Names of the group of all layers; the second is Keras 2.12's.
const ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

pub(super) struct KerasFile<'a> {
    pub(super) path: &'a Path,
    hdf5: Hdf5<'a>,
    pub(super) version: Version,
    /// The model's configuration as JSON, in files of whole models.
    pub(super) config: Option<String>,
    pub(super) layout: Layout,
}

impl<'a> KerasFile<'a> {
    pub(super) fn of_path(path: &'a Path) -> Result<Self, Error> {
        let io = |reason| Error::Io { path: path.into(), reason };
        let mut file = std::fs::File::open(path).map_err(io)?;
        let mut magic = Vec::new();
        file.by_ref().take(archive::MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
        if magic == archive::MAGIC {
            file.rewind().map_err(io)?;
            return Self::of_archive(path, BufReader::new(file));
        }
        Hdf5::check_file(path)?;
        Self::of_hdf5(path, file::read(path)?)
    }

    pub(super) fn of_archive(path: &'a Path, reader: impl Read + Seek) -> Result<Self, Error> {
        let mut archive = Archive::open(path, reader)?;
        let metadata: Value = serde_json::from_str(&archive.text(archive::METADATA)?)
            .map_err(|error| Error::format(path, format!("`{}` is no JSON: {error}", archive::METADATA)))?;
        let version = Version::parse(path, metadata["keras_version"].as_str())?;
        let config = Some(archive.text(archive::CONFIG)?);
        let hdf5 = Hdf5::open(path, archive.weights()?)?;
        let root = hdf5.root().groups().unwrap_or_default();
        let root = ROOTS.into_iter().find(|name| root.iter().any(|group| group == name)).unwrap_or(ROOTS[0]);
        Ok(Self { path, hdf5, version, config, layout: Layout::Numbered { root: root.into() } })
    }

    pub(super) fn of_hdf5(path: &'a Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let mut hdf5 = Hdf5::open(path, bytes)?;
        let root = hdf5.root();
        let text = |name: &str| hdf5.strings(&root, name).map(|found| found.and_then(|list| list.into_iter().next()));
        let config = text("model_config")?;
        let written_by = text("keras_version")?;
        hdf5.is_bfloat16 = config.as_ref().is_some_and(|config| config.contains("\"bfloat16\""));
        let (group, prefix) = match config {
            Some(_) => (hdf5.group("model_weights")?, "model_weights/"),
            None => (hdf5.root(), ""),
        };
        if let Some(all) = hdf5.names(&group, "layer_names")? {
            let weighted = with_weights(&hdf5, &group, &all)?;
            let version = Version::parse(path, written_by.as_deref())?;
            return Ok(Self {
                path,
                hdf5,
                version,
                config,
                layout: Layout::Listed { prefix: prefix.into(), all, weighted },
            });
        }
        let groups = root.groups().unwrap_or_default();
        let root = ROOTS.into_iter().find(|name| groups.iter().any(|group| group == name));
        let root =
            root.ok_or_else(|| Error::format(path, "has neither `layer_names` nor a group `layers`: no Keras file"))?;
        let version = match written_by {
            Some(text) => Version::parse(path, Some(&text))?,
            None => Version::of_numbered_files(),
        };
        Ok(Self { path, hdf5, version, config, layout: Layout::Numbered { root: root.into() } })
    }

    pub(super) fn metadata(&self) -> Result<(Metadata, Option<Architecture>), Error> {
        let mut pairs: BTreeMap<String, String> = self.hdf5.string_pairs(&self.hdf5.root())?.into_iter().collect();
        pairs.retain(|key, _| !KERAS_ATTRIBUTES.contains(&key.as_str()));
        Metadata::from_pairs(self.path, pairs)
    }

    /// The network that a configuration describes.
    pub(super) fn described(&self, config: &str, mut metadata: Metadata, open: &mut Open<'_>) -> Result<Model, Error> {
        let root = match &self.layout {
            Layout::Numbered { root } => root,
            Layout::Listed { .. } => "",
        };
        let network = config::network(self.path, self.version, config, root, open)?;
        self.check_names(&network)?;
        metadata.length = metadata.length.or(network.length);
        let mut layers = Vec::new();
        for layer in &network.layers {
            let weights = match (&self.layout, layer.kind) {
                (_, Some(LayerKind::LastStep { .. })) => LayerWeights::default(),
                (Layout::Listed { .. }, _) => self.listed(&layer.names)?,
                (Layout::Numbered { .. }, kind) => {
                    let places = kind.as_ref().map_or(&["vars"][..], variables);
                    self.numbered(layer.group.clone(), places)?
                }
            };
            layers.push((layer.kind, LayerWeights { use_bias: layer.use_bias, ..weights }));
        }
        self.assemble(layers, metadata)
    }

    /// Whether the file has weights for just the layers that it describes.
    fn check_names(&self, network: &Network) -> Result<(), Error> {
        let Layout::Listed { weighted, .. } = &self.layout else { return Ok(()) };
        let outermost = |layer: &Described| layer.names.first().cloned();
        let wanted: BTreeSet<String> = network.layers.iter().filter_map(outermost).collect();
        let held: BTreeSet<String> = weighted.iter().cloned().collect();
        if wanted != held {
            let [held, wanted] = [&held, &wanted].map(|names| shown::names(names.iter().map(String::as_str)));
            let what = format!("has weights for the layers {held}, and describes a network with weights in {wanted}");
            return Err(Error::format(self.path, what));
        }
        Ok(())
    }

    /// The size of the alphabet is the number of rows of the first kernel.
    pub(super) fn assemble(
        &self,
        layers: Vec<(Option<LayerKind>, LayerWeights)>,
        metadata: Metadata,
    ) -> Result<Model, Error> {
        let mut embedding = None;
        let (mut kinds, mut all) = (Vec::new(), Vec::new());
        for (kind, weights) in layers {
            let Some(kind) = kind else {
                embedding = Some(weights.embedding(self.path)?);
                continue;
            };
            let mut found = weights.found(self.path, &kind)?;
            if let Some(embedding) = embedding.take() {
                fold(self.path, &embedding, &mut found)?;
            }
            kinds.push(kind);
            all.push(found);
        }
        let kernel = all.first().and_then(|found| found.iter().find(|found| is_kernel(&found.name)));
        let alphabet = kernel.ok_or_else(|| Error::format(self.path, "has no layer with weights"))?.values.nrows();
        self.build(Architecture { alphabet, layers: kinds }, &all, metadata)
    }

    pub(super) fn model(&self, architecture: Architecture, metadata: Metadata) -> Result<Model, Error> {
        let pairs = self.layer_weights(&architecture.layers)?.into_iter().zip(&architecture.layers);
        let found = pairs.map(|(weights, kind)| weights.found(self.path, kind)).collect::<Result<Vec<_>, _>>()?;
        self.build(architecture, &found, metadata)
    }

    fn build(&self, architecture: Architecture, found: &[Vec<Found>], metadata: Metadata) -> Result<Model, Error> {
        metadata.check(&architecture).map_err(|error| Error::format(self.path, error.to_string()))?;
        Ok(Model { network: build(self.path, architecture, found)?, metadata })
    }

    /// The weights for each of these layers.
    fn layer_weights(&self, kinds: &[LayerKind]) -> Result<Vec<LayerWeights>, Error> {
        match &self.layout {
            Layout::Listed { weighted, .. } if weighted.len() == kinds.len() => {
                weighted.iter().map(|name| self.listed(std::slice::from_ref(name))).collect()
            }
            Layout::Listed { weighted, .. } => {
                let (held, wanted) = (weighted.len(), kinds.len());
                let names = shown::names(weighted.iter().map(String::as_str));
                let what = format!("has weights for {held} layers ({names}), and the network has {wanted}");
                Err(Error::format(self.path, what))
            }
            Layout::Numbered { root } => {
                let names = numbered_names(kinds);
                let pairs = names.into_iter().zip(kinds);
                pairs.map(|(name, kind)| self.numbered(format!("{root}/{name}"), variables(kind))).collect()
            }
        }
    }

    /// The weights of a listed layer, or of a layer in a listed model: those that have its name in theirs.
    pub(super) fn listed(&self, names: &[String]) -> Result<LayerWeights, Error> {
        let Layout::Listed { prefix, .. } = &self.layout else { unreachable!("asked for listed layouts only") };
        let (Some(outermost), Some(name)) = (names.first(), names.last()) else {
            return Err(Error::format(self.path, "describes a layer without a name"));
        };
        let group = format!("{prefix}{outermost}");
        let all = self.hdf5.names(&self.hdf5.group(&group)?, "weight_names")?.unwrap_or_default();
        let is_of = |weight: &&String| names.len() == 1 || weight.split('/').any(|part| part == name);
        let weights: Vec<_> = all
            .iter()
            .filter(is_of)
            .map(|weight| self.hdf5.weight(&format!("{group}/{weight}")))
            .collect::<Result<_, _>>()?;
        if weights.is_empty() {
            let what = format!("has no weights for the layer {} in {}", shown::name(name), shown::name(outermost));
            return Err(Error::format(self.path, what));
        }
        Ok(LayerWeights { name: name.clone(), use_bias: None, weights })
    }

    /// The groups in a group.
    pub(super) fn groups(&self, place: &str) -> Result<Vec<String>, Error> {
        let groups = self.hdf5.group(place)?.groups();
        groups.map_err(|error| Error::format(self.path, format!("group {}: {error}", shown::name(place))))
    }

    /// Refuses weights that no layer below `root` has: those of a class of one's own, whose attributes they are named by.
    pub(super) fn refuse_weights_beside(&self, root: &str) -> Result<(), Error> {
        let first = root.split('/').next().unwrap_or_default();
        let has_weights = |name: &String| {
            ["vars", "cell/vars", "forward_layer/cell/vars"].iter().any(|place| {
                let group = self.hdf5.group(&format!("{name}/{place}"));
                group.is_ok_and(|group| group.datasets().is_ok_and(|datasets| !datasets.is_empty()))
            })
        };
        let names = self.hdf5.root().groups().unwrap_or_default();
        let beside = names.into_iter().filter(|name| name != first && !name.starts_with("optimizer")).find(has_weights);
        match beside {
            Some(name) => Err(Error::format(
                self.path,
                format!(
                    "has weights of {} outside of `{root}`, as those of a model that is a class of its own: in which order its \
                     layers act, no file tells. Build the same network as a `keras.Sequential`, set its weights, and save that",
                    shown::name(&name)
                ),
            )),
            None => Ok(()),
        }
    }

    /// The weights of a layer of a class that has some.
    pub(super) fn numbered_weights(&self, place: &str) -> Result<LayerWeights, Error> {
        let class = place.rsplit('/').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
        let places = variables_of_class(class.trim_end_matches('_')).unwrap_or(&["vars"]);
        self.numbered(place.to_owned(), places)
    }

    fn numbered(&self, place: String, variables: &[&str]) -> Result<LayerWeights, Error> {
        let mut weights = Vec::new();
        for variable in variables {
            let group = format!("{place}/{variable}");
            let count = self.hdf5.group(&group)?.datasets().map(|datasets| datasets.len()).unwrap_or(0);
            for index in 0..count {
                weights.push(self.hdf5.weight(&format!("{group}/{index}"))?);
            }
        }
        Ok(LayerWeights { name: place, use_bias: None, weights })
    }
}

/// Those layers that have weights: input and dropout layers are listed too.
fn with_weights(hdf5: &Hdf5<'_>, group: &Group, names: &[String]) -> Result<Vec<String>, Error> {
    let mut layers = Vec::new();
    for name in names {
        let layer = group.group(name).map_err(|error| {
            Error::format(hdf5.path, format!("layer {} is listed, but its group: {error}", shown::name(name)))
        })?;
        if hdf5.names(&layer, "weight_names")?.is_some_and(|weights| !weights.is_empty()) {
            layers.push(name.clone());
        }
    }
    Ok(layers)
}

/// Keras 3's names of layers in files: by class, the second of a class with `_1` and so on.
pub(super) fn numbered_names(kinds: &[LayerKind]) -> Vec<String> {
    let mut counts = BTreeMap::new();
    kinds.iter().map(|kind| graph::numbered(&mut counts, kind.name())).collect()
}

/// Where in a layer's group its weights are: one group, or one for each direction.
pub(super) fn variables(kind: &LayerKind) -> &'static [&'static str] {
    variables_of_class(kind.name()).unwrap_or(&["vars"])
}

/// As [`variables`], of a class by its name in files; none for a class that cannot be read.
pub(super) fn variables_of_class(class: &str) -> Option<&'static [&'static str]> {
    match class {
        "lstm" | "gru" => Some(&["cell/vars"]),
        "bidirectional" => Some(&["forward_layer/cell/vars", "backward_layer/cell/vars"]),
        "time_distributed" => Some(&["layer/vars"]),
        "dense" | "embedding" => Some(&["vars"]),
        _ => None,
    }
}
