//! Training steps on several threads beside other work, as multiples of the speed of one thread
//! (`cargo bench -p flameout-model --bench beside`, some minutes).
//!
//! The bench starts a process that keeps one core busy, and trains beside it: at the same priority, then at the lowest.
//! Pools of one, two and sixty-four threads train in turn, many times; a line gives the median of the ratios and their quartiles.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flameout_cells::Initialisation;
use flameout_model::{Architecture, Flavour, LossKind, Sequential};
use flameout_optim::{Adam, AdamSettings, Clipping, Optimizer, clip};
use ndarray::Array2;

/// How long a pool trains before the next one does.
const TURN: Duration = Duration::from_millis(400);
const ROUNDS: usize = 15;
const POOLS: [usize; 3] = [1, 2, 64];

/// The words that make this program keep a core busy, or measure at the priority that it was started with.
const BUSY: &str = "keep-one-core-busy";
const MEASURE: &str = "measure";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == BUSY) {
        return keep_busy();
    }
    if let Some(at) = arguments.iter().position(|argument| argument == MEASURE) {
        return measure(&arguments[at + 1]);
    }
    measure("alone");
    let _busy = Busy::start();
    measure("beside a busy process");
    let status = this_program("nice", &["-n", "19"]).args([MEASURE, "beside a busy process, lowest priority"]).status();
    if !status.is_ok_and(|status| status.success()) {
        println!("`nice` is needed to measure at the lowest priority");
    }
}

/// Keeps a core busy until the program that started this one is gone, however it ended.
fn keep_busy() {
    std::thread::spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    // The other end of the pipe is closed with that program.
    _ = std::io::stdin().read(&mut [0]);
}

/// This program, started by another with these options.
fn this_program(by: &str, options: &[&str]) -> Command {
    let mut command = Command::new(by);
    command.args(options).arg(std::env::current_exe().expect("the program has a path"));
    command
}

/// A process that keeps the first core busy, or any where no `taskset` binds it. It ends with this value.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let bound = this_program("taskset", &["-c", "0"]).arg(BUSY).stdin(Stdio::piped()).spawn();
        let child = bound.or_else(|_| this_program("env", &[]).arg(BUSY).stdin(Stdio::piped()).spawn());
        Self(child.expect("a process can be started"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn measure(conditions: &str) {
    for units in [64, 256, 1024] {
        let mut speeds: [Vec<f64>; POOLS.len()] = Default::default();
        let mut trainings = POOLS.map(|threads| Training::new(threads, units));
        for round in 0..ROUNDS {
            // Each order as often as another, so that none profits from what comes before it.
            for turn in 0..POOLS.len() {
                let pool = (round + turn) % POOLS.len();
                speeds[pool].push(trainings[pool].steps_per_second());
            }
        }
        let ratios = |a: usize, b: usize| {
            let mut ratios: Vec<f64> = speeds[a].iter().zip(&speeds[b]).map(|(a, b)| a / b).collect();
            ratios.sort_by(f64::total_cmp);
            let [low, median, high] = [1, 2, 3].map(|quarter| ratios[ROUNDS * quarter / 4]);
            format!("{median:.2} ({low:.2} to {high:.2})")
        };
        println!(
            "{conditions}, LSTM({units}): 2 threads are {} x as fast as one, 64 threads {} x as fast as two",
            ratios(1, 0),
            ratios(2, 1)
        );
    }
}

/// A network with its optimiser, and threads of its own.
struct Training {
    pool: rayon::ThreadPool,
    model: Sequential<f32>,
    adam: Adam<f32>,
    indices: Array2<u16>,
    targets: Array2<f32>,
}

impl Training {
    fn new(threads: usize, units: usize) -> Self {
        let (alphabet, outputs) = (27, 100);
        let mut model = Sequential::of(Architecture::lstm_single(alphabet, units, outputs, Flavour::Keras1));
        // The values do not matter for the time, and orthogonal ones take long to draw.
        model.initialise(&Initialisation::pytorch(), 0);
        Self {
            pool: rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"),
            adam: Adam::new(AdamSettings::default(), &model).expect("the settings are valid"),
            model,
            indices: Array2::from_shape_fn((32, 19), |(i, t)| ((i * 7 + t * 11) % alphabet) as u16),
            targets: Array2::from_shape_fn((32, outputs), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 505.0 - 0.1),
        }
    }

    fn steps_per_second(&mut self) -> f64 {
        let Self { pool, model, adam, indices, targets } = self;
        pool.install(|| {
            let (start, mut steps) = (Instant::now(), 0.0);
            while start.elapsed() < TURN {
                model.forward_backward(&*indices, targets.view(), LossKind::Mse).expect("the shapes fit");
                let (parameters, gradients) = model.parameters_and_gradients();
                clip(gradients, &Clipping::GlobalNorm { limit: 1.0 });
                // So small that training the same words for long drives no gradient towards zero.
                adam.update(parameters, gradients, 1e-9).expect("the sizes fit");
                steps += 1.0;
            }
            steps / start.elapsed().as_secs_f64()
        })
    }
}
