//! How much one update changes what a network predicts.

use anyhow::Result;
use flameout_experiment::Batch;
use flameout_experiment::{Dataset, Settings, Trainer};
use flameout_model::{Architecture, Loss, LossKind, Sequential, metrics};
use ndarray::Array2;

/// Measures the updates of networks of one architecture, always on the same words.
pub struct Effects {
    network: Sequential<f64>,
    batch: Batch,
    targets: Array2<f64>,
    loss: LossKind,
    /// The loss of predicting the mean.
    lost: f64,
    last: Option<Predicted>,
}

/// A network at a moment.
struct Predicted {
    parameters: Vec<f64>,
    outputs: Array2<f64>,
}

/// What an update has done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The root mean square of the change of the outputs, as a share of the spread that the outputs had between words.
    pub size: f64,
    /// How far the change is from a straight line: the second difference of the outputs before, halfway and after, over
    /// their difference. 0 for a linear change.
    pub bend: f64,
    /// How many such updates, made at once, bring the loss above that of predicting the mean; of some updates.
    pub margin: Option<f64>,
}

/// Updates are multiplied by powers of this, up to [`MOST`], until the loss is lost.
const FINE: f64 = 1.189_207_115_002_721;
const MOST: f64 = 4096.0;

impl Effects {
    /// For the networks of a run, on at most `count` training words that lie evenly spread in the data set.
    pub fn new(architecture: &Architecture, dataset: &Dataset, settings: &Settings, count: usize) -> Self {
        let batch = dataset.batch(&dataset.spread_rows(count));
        Self {
            network: Sequential::of(architecture.clone()),
            targets: batch.targets_in(),
            batch,
            loss: settings.training.loss,
            lost: dataset.baseline(settings).train_loss,
            last: None,
        }
    }

    /// Looks at the network before the first of some updates.
    pub fn begin(&mut self, trainer: &Trainer) -> Result<()> {
        let parameters: Vec<f64> = trainer.parameters().iter().collect();
        let outputs = self.outputs(&parameters)?;
        self.last = Some(Predicted { parameters, outputs });
        Ok(())
    }

    /// Measures the update since it looked last; None if it has not looked. The margin is infinite if no multiple of the
    /// update up to 4,096 loses what was learnt.
    pub fn measure(&mut self, trainer: &Trainer, with_margin: bool) -> Result<Option<Effect>> {
        let Some(before) = self.last.take() else { return Ok(None) };
        let parameters: Vec<f64> = trainer.parameters().iter().collect();
        let halfway: Vec<f64> = before.parameters.iter().zip(&parameters).map(|(a, b)| 0.5 * (a + b)).collect();
        let middle = self.outputs(&halfway)?;
        let outputs = self.outputs(&parameters)?;
        let change = norm(&(&outputs - &before.outputs));
        let second = norm(&(&outputs - 2.0 * &middle + &before.outputs));
        let spread = metrics::spread(before.outputs.view());
        let size = (change * change / before.outputs.len() as f64).sqrt() / spread;
        let margin = if with_margin { Some(self.margin(&before.parameters, &parameters)?) } else { None };
        self.last = Some(Predicted { parameters, outputs });
        Ok(Some(Effect { size, bend: second / change, margin }))
    }

    fn margin(&mut self, from: &[f64], to: &[f64]) -> Result<f64> {
        let mut times = 1.0;
        while times < MOST {
            let moved: Vec<f64> = from.iter().zip(to).map(|(from, to)| from + times * (to - from)).collect();
            let outputs = self.outputs(&moved)?;
            if self.loss.value(outputs.view(), self.targets.view()) > self.lost {
                return Ok(times);
            }
            times *= FINE;
        }
        Ok(f64::INFINITY)
    }

    fn outputs(&mut self, parameters: &[f64]) -> Result<Array2<f64>> {
        self.network.parameters_mut().copy_from_slice(parameters);
        Ok(self.network.predict(self.batch.examples())?)
    }
}

fn norm(matrix: &Array2<f64>) -> f64 {
    matrix.iter().map(|x| x * x).sum::<f64>().sqrt()
}
