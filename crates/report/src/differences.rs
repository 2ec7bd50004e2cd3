//! Which settings differ.

use std::collections::{BTreeMap, BTreeSet};

use flameout_experiment::Settings;

/// A setting and its values, one a run; `None` where it is not given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) values: Vec<Option<String>>,
}

impl Row {
    /// Whether the values are not all the same.
    pub(crate) fn differs(&self) -> bool {
        self.values.windows(2).any(|pair| pair[0] != pair[1])
    }
}

/// Every setting that any of them gives.
pub(crate) fn rows(all: &[Option<&Settings>]) -> Vec<Row> {
    let entries: Vec<BTreeMap<String, String>> =
        all.iter().map(|settings| settings.map(Settings::entries).unwrap_or_default()).collect();
    let keys: BTreeSet<&String> = entries.iter().flat_map(BTreeMap::keys).collect();
    let row = |key: &&String| Row {
        key: (*key).clone(),
        values: entries.iter().map(|entries| entries.get(*key).cloned()).collect(),
    };
    keys.iter().map(row).collect()
}

/// A run's settings beside the question's. Layers of its own take the place of the case's, whose name then says nothing.
pub(crate) fn from_question(settings: &Settings) -> Vec<Row> {
    let mut rows = rows(&[Some(settings), Some(&Settings::for_case(settings.case))]);
    rows.retain(|row| row.key != "case" || settings.model.layers.is_none());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Case;

    #[test]
    fn what_is_added_left_out_or_changed_differs() {
        let mut settings = Settings::for_case(Case::LstmSingle);
        settings.set("model.units", "64").unwrap();
        settings.set("training.batch", "16").unwrap();
        settings.set("schedule", "{ kind = \"constant\", learning-rate = 0.01 }").unwrap();
        let rows = from_question(&settings);
        let differing: Vec<&str> = rows.iter().filter(|row| row.differs()).map(|row| row.key.as_str()).collect();
        assert_eq!(differing, ["model.units", "schedule.learning-rate", "training.batch"]);
        let units = rows.iter().find(|row| row.key == "model.units").unwrap();
        assert_eq!(units.values, [Some("64".into()), None]);
    }
}
