//! Named numbers, row by row. Every format is first read into this; `curves` makes curves of it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Names;
use super::commas::Commas;
use super::names::{Meaning, QUANTITIES, Quantity, Scope, TIER, meaning_in, of_training};
use crate::curve::{Columns, Format, LARGEST_STEP, Measure};
use crate::error::Error;

/// The largest index, as a number that may be none.
pub(super) const LARGEST_INDEX: f64 = LARGEST_STEP as f64;
/// Names that mean nothing to us and are told to the user.
const UNKNOWN_TOLD: usize = 40;
/// Characters of a name that are kept.
const LONGEST_NAME: usize = 60;
/// Losses beside the chosen ones that are judged.
const MOST_PARTS: usize = 20;
/// Names that one note lists.
pub(super) const LISTED: usize = 6;
/// Values up to which a name may be one of a single row.
const FEW_VALUES: usize = 3;
/// A name with less than this share of the values of another of the same meaning is not chosen.
const RARE: usize = 10;

/// A log as it was read.
pub(crate) struct Log {
    pub(super) format: Format,
    pub(super) path: PathBuf,
    /// The name of the run, if the log holds several.
    pub(super) run: Option<String>,
    wanted: Names,
    names: Vec<Name>,
    /// Where in `names` a name is, by what its row says of the data; `None` if it means nothing.
    known: HashMap<String, [Option<Option<usize>>; 2]>,
    unknown: Vec<String>,
    /// Lists of numbers in lines of text, which were left out.
    pub(super) lists: usize,
    /// What commas within numbers are.
    pub(super) commas: Commas,
    /// The line of each row, from 1; 0 where there are no lines.
    lines: Vec<u64>,
    /// Rows that have no index of their own, but that of a row above them.
    below: HashSet<usize>,
    /// Rows before which the log begins anew, as a second line of names says.
    pub(super) begins: Vec<usize>,
    cells: Vec<Cell>,
    pub(super) notes: Vec<String>,
}

struct Name {
    text: String,
    meaning: Meaning,
    /// Whether the user asked for it.
    wanted: bool,
    /// How often it has a value.
    values: usize,
}

struct Cell {
    row: usize,
    name: usize,
    value: f64,
}

/// A row's numbers, once each quantity has its name.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Which of the log's.
    pub(super) id: usize,
    pub(super) line: u64,
    /// Whether its step is that of a row above it.
    pub(super) below: bool,
    pub(super) values: [Option<f64>; QUANTITIES],
}

impl Row {
    pub(super) fn get(&self, quantity: Quantity) -> Option<f64> {
        self.values[quantity as usize]
    }

    pub(super) fn set(&mut self, quantity: Quantity, value: f64) {
        self.values[quantity as usize] = Some(value.clamp(0.0, LARGEST_INDEX));
    }

    pub(super) fn is_test(&self) -> bool {
        self.get(Quantity::TestLoss).is_some() || self.get(Quantity::TestAccuracy).is_some()
    }

    /// Takes over what the other one knows.
    pub(super) fn update(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            *mine = theirs.or(*mine);
        }
    }
}

fn is_index(quantity: usize) -> bool {
    quantity == Quantity::Step as usize || quantity == Quantity::Epoch as usize
}

/// A loss beside the one that was chosen.
pub(super) struct Part {
    number: usize,
    pub(super) text: String,
    pub(super) quantity: Quantity,
    pub(super) measure: Measure,
    /// Rows, and what they have.
    pub(super) values: Vec<(usize, f64)>,
}

/// Which name each quantity has.
#[derive(Clone, Copy)]
pub(super) struct Chosen([Option<usize>; QUANTITIES]);

impl Chosen {
    pub(super) fn has(&self, quantity: Quantity) -> bool {
        self.0[quantity as usize].is_some()
    }
}

/// The text without what could steer a terminal, cut off where it is longer than a name.
pub(super) fn printable(text: &str) -> String {
    let harmful = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut characters = text.trim().chars().filter(|&character| !harmful(character));
    let mut result: String = characters.by_ref().take(LONGEST_NAME).collect();
    if characters.next().is_some() {
        result.push('…');
    }
    result
}

impl Log {
    pub(crate) fn new(format: Format, path: &Path, wanted: &Names) -> Self {
        Self {
            format,
            path: path.into(),
            run: None,
            wanted: wanted.clone(),
            names: Vec::new(),
            known: HashMap::new(),
            unknown: Vec::new(),
            lists: 0,
            commas: Commas::default(),
            lines: Vec::new(),
            below: HashSet::new(),
            begins: Vec::new(),
            cells: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The number of a name, to be given to [`value`](Self::value), and what it means; `None` if it means nothing.
    pub(crate) fn name(&mut self, text: &str) -> Option<(usize, Quantity)> {
        self.name_in(text, None)
    }

    /// The same in a row that says what data its figures were measured on.
    pub(crate) fn name_in(&mut self, text: &str, scope: Option<Scope>) -> Option<(usize, Quantity)> {
        let of_test = usize::from(scope == Some(Scope::Test));
        let known = self.known.get(text).and_then(|known| known[of_test]);
        let number = known.unwrap_or_else(|| self.learn(text, scope));
        number.map(|number| (number, self.names[number].meaning.quantity))
    }

    /// A name whose meaning its place tells, not its text.
    pub(crate) fn name_as(&mut self, text: &str, quantity: Quantity, rank: u32) -> usize {
        let same = |name: &Name| name.text == text && name.meaning.quantity == quantity;
        if let Some(number) = self.names.iter().position(same) {
            return number;
        }
        let meaning = Meaning { quantity, rank, of_epoch: false, measure: Measure::Loss };
        self.names.push(Name { text: text.into(), meaning, wanted: false, values: 0 });
        self.names.len() - 1
    }

    /// Whether a name means something, without noting it down.
    pub(crate) fn is_known(&self, text: &str, scope: Option<Scope>) -> bool {
        self.asked_for(text).is_some() || meaning_in(text, scope).is_some()
    }

    /// Whether the user asked for this name.
    pub(crate) fn is_wanted(&self, text: &str) -> bool {
        self.asked_for(text).is_some()
    }

    fn learn(&mut self, text: &str, scope: Option<Scope>) -> Option<usize> {
        let by_name = meaning_in(text, scope);
        let wanted = self.asked_for(text);
        let meaning = match wanted {
            Some(quantity) => {
                let measure = by_name.map_or(Measure::Loss, |meaning| meaning.measure);
                let of_epoch = by_name.is_some_and(|meaning| meaning.of_epoch);
                // The user's word goes by the name; what the row says of its data still holds.
                let quantity = match (quantity, scope) {
                    (Quantity::Loss, Some(Scope::Test)) if self.wanted.validation_loss.is_none() => Quantity::TestLoss,
                    (Quantity::Accuracy, Some(Scope::Test)) => Quantity::TestAccuracy,
                    (quantity, _) => quantity,
                };
                Some(Meaning { quantity, rank: 0, of_epoch, measure })
            }
            None => by_name,
        };
        let number = meaning.map(|meaning| {
            self.names.push(Name { text: text.into(), meaning, wanted: wanted.is_some(), values: 0 });
            self.names.len() - 1
        });
        let told = printable(text);
        if number.is_none() && self.unknown.len() < UNKNOWN_TOLD && !told.is_empty() && !self.unknown.contains(&told) {
            self.unknown.push(told);
        }
        self.known.entry(text.into()).or_default()[usize::from(scope == Some(Scope::Test))] = Some(number);
        number
    }

    fn asked_for(&self, text: &str) -> Option<Quantity> {
        let text = text.trim();
        let is = |wanted: &Option<String>| wanted.as_deref().is_some_and(|wanted| wanted.trim() == text);
        self.wants().into_iter().find(|(wanted, ..)| is(wanted)).map(|(_, quantity, _)| quantity)
    }

    pub(super) fn step_is_wanted(&self) -> bool {
        self.wanted.step.is_some()
    }

    fn wants(&self) -> [(&Option<String>, Quantity, &'static str); 4] {
        [
            (&self.wanted.loss, Quantity::Loss, "--loss"),
            (&self.wanted.validation_loss, Quantity::TestLoss, "--validation-loss"),
            (&self.wanted.accuracy, Quantity::Accuracy, "--accuracy"),
            (&self.wanted.step, Quantity::Step, "--step"),
        ]
    }

    /// Begins a row, which was read from this line (0: not from lines).
    pub(crate) fn row(&mut self, line: u64) {
        self.lines.push(line);
    }

    /// The row begun last has its index from a row with figures of its own.
    pub(crate) fn is_below_another(&mut self) {
        self.below.insert(self.lines.len() - 1);
    }

    /// A value in the row begun last.
    pub(crate) fn value(&mut self, name: usize, value: f64) {
        self.names[name].values += 1;
        self.cells.push(Cell { row: self.lines.len() - 1, name, value });
    }

    /// The rows that follow are said to be of a log that begins anew.
    pub(crate) fn begins_anew(&mut self) {
        if !self.lines.is_empty() {
            self.begins.push(self.lines.len());
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// How many rows there are with a figure that can be judged.
    pub(crate) fn judged(&self) -> usize {
        let judged = |quantity| {
            matches!(quantity, Quantity::Loss | Quantity::Accuracy | Quantity::TestLoss | Quantity::TestAccuracy)
        };
        let names = self.names.iter().filter(|name| judged(name.meaning.quantity));
        names.map(|name| name.values).max().unwrap_or(0)
    }

    /// Chooses a name for each quantity: of those that are not rare, that of the lowest tier, then that with the most
    /// values, then the plainest, then the first. Of an index those values count that are in rows with a figure.
    ///
    /// # Errors
    /// If a name that the user asked for is not in the log.
    pub(super) fn choose(&mut self) -> Result<Chosen, Error> {
        self.check_wanted()?;
        self.take_first_of_two_sets_as_training();
        self.take_bare_accuracy_as_of_tests();
        let mut chosen = [None; QUANTITIES];
        let counts: Vec<usize> = self.names.iter().map(|name| name.values).collect();
        for quantity in (0..QUANTITIES).filter(|&quantity| !is_index(quantity)) {
            chosen[quantity] = self.best(quantity, &counts);
        }
        let counts = self.values_beside_figures(&chosen);
        for quantity in (0..QUANTITIES).filter(|&quantity| is_index(quantity)) {
            chosen[quantity] = self.best(quantity, &counts);
        }
        let chosen = Chosen(chosen);
        self.refuse_names_of_rows(chosen)?;
        self.tell_left_out(chosen);
        Ok(chosen)
    }

    /// Refuses a log whose loss has another name in each row, such as `fold3_epoch7_loss`: by name, all but one row would be lost.
    fn refuse_names_of_rows(&self, chosen: Chosen) -> Result<(), Error> {
        for quantity in [Quantity::Loss, Quantity::TestLoss] {
            let Some(best) = chosen.0[quantity as usize].map(|best| &self.names[best]) else { continue };
            let is_one = |name: usize| {
                let of = &self.names[name];
                of.meaning.quantity == quantity && of.values <= FEW_VALUES
            };
            let rows: HashSet<usize> =
                self.cells.iter().filter(|cell| is_one(cell.name)).map(|cell| cell.row).collect();
            if best.wanted || best.values > FEW_VALUES || rows.len() <= 2 * FEW_VALUES {
                continue;
            }
            let problem = format!(
                "names the loss otherwise in each row (`{}` and others): write one name in all, and what tells the rows \
                 apart before it, such as `epoch 3 loss 0.5`",
                printable(&best.text)
            );
            return Err(Error::Log { path: self.path.clone(), problem });
        }
        Ok(())
    }

    fn best(&self, quantity: usize, counts: &[usize]) -> Option<usize> {
        let of_quantity = |name: &Name| name.meaning.quantity as usize == quantity;
        let wanted = self.names.iter().any(|name| of_quantity(name) && name.wanted);
        let names = || self.names.iter().enumerate().filter(|(_, name)| of_quantity(name) && name.wanted == wanted);
        let most = names().map(|(number, _)| counts[number]).max().unwrap_or(0);
        let eligible = names().filter(|(number, _)| counts[*number].saturating_mul(RARE) >= most);
        let order = |&(number, name): &(usize, &Name)| {
            (name.meaning.rank / TIER, Reverse(counts[number]), name.meaning.rank, number)
        };
        eligible.min_by_key(order).map(|(number, _)| number)
    }

    /// How many values each name has in rows with a training loss; else an accuracy; else a figure of a test.
    fn values_beside_figures(&self, chosen: &[Option<usize>; QUANTITIES]) -> Vec<usize> {
        let order = [Quantity::Loss, Quantity::Accuracy, Quantity::TestLoss, Quantity::TestAccuracy];
        let figure = order.into_iter().find_map(|quantity| chosen[quantity as usize]);
        let rows: HashSet<usize> =
            self.cells.iter().filter(|cell| Some(cell.name) == figure).map(|cell| cell.row).collect();
        let mut counts = vec![0; self.names.len()];
        self.cells.iter().filter(|cell| rows.contains(&cell.row)).for_each(|cell| counts[cell.name] += 1);
        counts
    }

    /// `validation_0` and `validation_1`, where nothing is named training, are what XGBoost and LightGBM call the data sets that
    /// they were given: the first is usually the training data.
    fn take_first_of_two_sets_as_training(&mut self) {
        let is_loss = |name: &Name| name.meaning.quantity == Quantity::Loss;
        if self.names.iter().any(|name| is_loss(name) || name.wanted) {
            return;
        }
        let texts: Vec<String> = self.names.iter().map(|name| name.text.clone()).collect();
        for name in self.names.iter_mut().filter(|name| name.meaning.quantity == Quantity::TestLoss) {
            if name.text.contains("_0") && texts.contains(&name.text.replacen("_0", "_1", 1)) {
                name.meaning.quantity = Quantity::Loss;
                let note = "was taken as the training data's, as the first of two sets usually is: --loss and \
                            --validation-loss say otherwise";
                self.notes.push(format!("`{}` {note}", printable(&name.text)));
            }
        }
    }

    /// In a table that names both losses by their data, an accuracy without such a word is of the validation data, as in those of
    /// Hugging Face and fastai.
    fn take_bare_accuracy_as_of_tests(&mut self) {
        let has = |quantity| self.names.iter().any(|name| name.meaning.quantity == quantity && name.values > 0);
        let told = |quantity| {
            let mut of = self.names.iter().filter(|name| name.meaning.quantity == quantity);
            of.clone().next().is_some() && of.all(|name| of_training(&name.text))
        };
        let is_table = matches!(self.format, Format::Csv | Format::Json | Format::JsonLines);
        if !is_table
            || !has(Quantity::TestLoss)
            || has(Quantity::TestAccuracy)
            || !told(Quantity::Loss)
            || told(Quantity::Accuracy)
        {
            return;
        }
        for name in self.names.iter_mut().filter(|name| name.meaning.quantity == Quantity::Accuracy && !name.wanted) {
            name.meaning.quantity = Quantity::TestAccuracy;
            let note = "was taken as of validation data: both losses are named by their data, it is not";
            self.notes.push(format!("`{}` {note}", printable(&name.text)));
        }
    }

    /// Other names of a chosen index, to be used where a row has not the chosen one: those of which no row has both.
    fn aliases(&self, chosen: Chosen) -> HashMap<usize, usize> {
        let same_words = |name: &Name, other: &Name| name.text.to_lowercase() == other.text.to_lowercase();
        let mut aliases = HashMap::new();
        for quantity in [Quantity::Step, Quantity::Epoch] {
            let Some(best) = chosen.0[quantity as usize] else { continue };
            let rows: HashSet<usize> =
                self.cells.iter().filter(|cell| cell.name == best).map(|cell| cell.row).collect();
            for (number, name) in self.names.iter().enumerate() {
                let fits = quantity == Quantity::Epoch || same_words(name, &self.names[best]);
                let apart = || self.cells.iter().all(|cell| cell.name != number || !rows.contains(&cell.row));
                if name.meaning.quantity == quantity && number != best && fits && apart() {
                    aliases.insert(number, best);
                }
            }
        }
        aliases
    }

    fn check_wanted(&self) -> Result<(), Error> {
        let missing = self.wants().into_iter().find_map(|(wanted, quantity, option)| {
            let text = wanted.as_deref()?.trim();
            let found = self.names.iter().any(|name| name.wanted && name.text.trim() == text);
            (!found).then_some((text, quantity, option))
        });
        let Some((text, _, option)) = missing else { return Ok(()) };
        let problem = format!("has no column `{}` ({option}); {}", printable(text), self.found());
        Err(Error::Log { path: self.path.clone(), problem })
    }

    fn tell_left_out(&mut self, chosen: Chosen) {
        for (quantity, best) in chosen.0.iter().enumerate() {
            let Some(best) = *best else { continue };
            let best_name = &self.names[best];
            let left_out: Vec<String> = (0..self.names.len())
                .filter(|&number| number != best)
                .map(|number| &self.names[number])
                .filter(|name| name.meaning.quantity as usize == quantity && name.values > 0)
                .filter(|name| name.meaning.rank < TIER * TIER && name.text != best_name.text)
                .map(|name| format!("`{}`", printable(&name.text)))
                .collect();
            if left_out.is_empty() || best_name.wanted {
                continue;
            }
            let option =
                self.wants().into_iter().find(|(_, of, _)| *of as usize == quantity).map(|(.., option)| option);
            let option = option.map_or_else(String::new, |option| format!(" ({option} COLUMN takes another)"));
            let more = if left_out.len() > LISTED { ", …" } else { "" };
            let names = left_out[..left_out.len().min(LISTED)].join(", ");
            let is_loss = quantity == Quantity::Loss as usize || quantity == Quantity::TestLoss as usize;
            let what = match (is_loss, left_out.len()) {
                (true, 1) => "stands beside the loss that is judged,",
                (true, _) => "stand beside the loss that is judged,",
                (false, 1) => "was left out in favour of",
                (false, _) => "were left out in favour of",
            };
            let told = if is_loss { ": of such only a collapse or NaN is told" } else { "" };
            let note = format!("{names}{more} {what} `{}`{told}{option}", printable(&best_name.text));
            self.notes.push(note);
        }
    }

    /// The rows by quantity, and what was kept of the cells is given back.
    ///
    /// # Errors
    /// If a step or an epoch is none.
    pub(super) fn rows(&mut self, chosen: Chosen) -> Result<(Vec<Row>, Vec<Part>), Error> {
        let lines = std::mem::take(&mut self.lines);
        let aliases = self.aliases(chosen);
        let mut parts = self.parts(chosen);
        let below = std::mem::take(&mut self.below);
        let row = |(id, line)| Row { id, line, below: below.contains(&id), values: [None; QUANTITIES] };
        let mut rows: Vec<Row> = lines.into_iter().enumerate().map(row).collect();
        for Cell { row, name, value } in std::mem::take(&mut self.cells) {
            let Name { text, meaning, .. } = &self.names[name];
            if chosen.0[meaning.quantity as usize] != Some(*aliases.get(&name).unwrap_or(&name)) {
                if let Some(part) = parts.iter_mut().find(|part| part.number == name) {
                    part.values.push((row, value));
                }
                continue;
            }
            let whole = meaning.quantity != Quantity::Step || value % 1.0 == 0.0;
            let is_index = matches!(meaning.quantity, Quantity::Step | Quantity::Epoch);
            if is_index && !(whole && (0.0..=LARGEST_INDEX).contains(&value)) {
                let problem = format!("`{}` is {value}; it must be a whole number, at least 0", printable(text));
                return Err(self.at(rows[row].line, problem));
            }
            rows[row].values[meaning.quantity as usize] = Some(value);
        }
        parts.retain(|part| part.values.iter().any(|(_, value)| value.is_finite()));
        Ok((rows, parts))
    }

    /// Other losses of the log, of training and of tests, that are not rare beside the chosen ones.
    fn parts(&self, chosen: Chosen) -> Vec<Part> {
        let mut parts = Vec::new();
        for quantity in [Quantity::Loss, Quantity::TestLoss] {
            let Some(best) = chosen.0[quantity as usize].map(|best| &self.names[best]) else { continue };
            let is_other = |name: &Name| {
                let (same, rank) = (name.text == best.text, name.meaning.rank);
                !best.wanted && !same && name.meaning.quantity == quantity && rank < TIER * TIER
            };
            for (number, name) in self.names.iter().enumerate().filter(|(_, name)| is_other(name)) {
                if name.values.saturating_mul(RARE) >= best.values && parts.len() < MOST_PARTS {
                    let (text, measure) = (printable(&name.text), name.meaning.measure);
                    parts.push(Part { number, text, quantity, measure, values: Vec::new() });
                }
            }
        }
        parts
    }

    fn at(&self, line: u64, problem: String) -> Error {
        match line {
            0 => Error::Log { path: self.path.clone(), problem },
            _ => Error::Line { path: self.path.clone(), line, problem },
        }
    }

    pub(super) fn columns(&self, chosen: Chosen) -> Columns {
        let of = |quantity: Quantity| chosen.0[quantity as usize].map(|number| printable(&self.names[number].text));
        Columns {
            loss: of(Quantity::Loss),
            accuracy: of(Quantity::Accuracy),
            validation_loss: of(Quantity::TestLoss),
            validation_accuracy: of(Quantity::TestAccuracy),
            step: of(Quantity::Step),
            epoch: of(Quantity::Epoch),
            learning_rate: of(Quantity::LearningRate),
            gradient_norm: of(Quantity::GradientNorm),
        }
    }

    pub(super) fn measure(&self, chosen: Chosen) -> Measure {
        let name = chosen.0[Quantity::Loss as usize].or(chosen.0[Quantity::TestLoss as usize]);
        name.map_or(Measure::Loss, |number| self.names[number].meaning.measure)
    }

    /// The error of a log in which there is nothing to judge.
    pub(crate) fn no_loss(&self) -> Error {
        let problem = format!(
            "holds no loss and no accuracy under a known name (`loss`, `train_loss`, `val_loss`, `mse`, `ppl`, `acc`, …); {}; \
             `--loss COLUMN` says which one is it",
            self.found()
        );
        Error::Log { path: self.path.clone(), problem }
    }

    pub(crate) fn found(&self) -> String {
        let mut found: Vec<String> = Vec::new();
        for name in self.names.iter().map(|name| printable(&name.text)).chain(self.unknown.iter().cloned()) {
            if !found.contains(&name) && found.len() < UNKNOWN_TOLD {
                found.push(name);
            }
        }
        if found.is_empty() {
            "there are no names in it".into()
        } else {
            format!("names in it: `{}`", found.join("`, `"))
        }
    }
}
