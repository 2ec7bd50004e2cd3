//! What the machine can do: the limits that the rows are compared with.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use flameout_kernels::dispatch;
use rayon::prelude::*;

use super::measurement::{Measurement, ms};
use super::rayon_pool;
use super::timing::{Effort, median};

/// Fused multiply-adds of each chain between two looks at the clock: some 20 µs. So short a time is rarely interrupted by
/// another process, and the median of many is what the processor sustains.
const STEPS: usize = 1 << 13;
/// How long each number of chains is measured.
const TIME: Duration = Duration::from_millis(300);
/// `f32` numbers in each of the two buffers of the copy: 256 MiB, beyond every cache.
const COPIED: usize = 64 << 20;
/// `f32` numbers that are read again and again: 16 MiB, the recurrent weights of an LSTM of 1,024 units.
const READ: usize = 4 << 20;

/// The machine's measured limits.
#[derive(Debug)]
pub struct Machine {
    /// The rate of fused multiply-adds in `f32`, in 10⁹ operations/s, two for each, with so many threads.
    peaks: Vec<(usize, f64)>,
    copy: Measurement,
    read: Measurement,
}

impl Machine {
    /// Measures the FMA peak with each number of threads, and the bandwidths with the largest.
    pub fn measure(thread_counts: &[usize], effort: Effort) -> Result<Self> {
        let peaks = thread_counts.iter().map(|&threads| Ok((threads, fma_peak(threads)?))).collect::<Result<_>>()?;
        let threads = thread_counts.iter().copied().max().unwrap_or(1);
        Ok(Self { peaks, copy: copy_bandwidth(threads, effort)?, read: read_bandwidth(threads, effort)? })
    }

    /// The FMA peak with so many threads, in GFLOP/s.
    ///
    /// # Panics
    /// If it was not measured with so many.
    pub fn peak(&self, threads: usize) -> f64 {
        let peak = self.peaks.iter().find(|(with, _)| *with == threads);
        peak.expect("the peak is measured with every row's number of threads").1
    }

    /// Bytes read of a buffer as large as a layer's weights, in 10⁹/s.
    pub fn read_bandwidth(&self) -> f64 {
        self.read.gb_per_s.unwrap_or_default()
    }

    /// The limits as rows.
    pub fn measurements(&self) -> Vec<Measurement> {
        let peak = |&(threads, peak)| Measurement {
            bench: "FMA peak".into(),
            threads,
            gflops: Some(peak),
            share_of_peak: Some(1.0),
            ..Measurement::default()
        };
        self.peaks.iter().map(peak).chain([self.copy.clone(), self.read.clone()]).collect()
    }

    /// How they were measured, and what disturbs.
    pub fn print(&self) {
        say!("Kernels: {}.", flameout_kernels::Path::current().name());
        say!("FMA peak: independent chains of f32 fused multiply-adds in registers, on every thread at once.");
        say!("Copy bandwidth: 256 MiB, bytes read and written. Read bandwidth: 16 MiB, again and again.");
        if let Some(load) = load_average() {
            say!("Load average over the last minute: {load} (the numbers are good only if nothing else runs).");
        }
    }
}

/// All threads at once; the number of chains that suits this processor's latency and registers is the fastest.
fn fma_peak(threads: usize) -> Result<f64> {
    let pool = rayon_pool(threads)?;
    let measured =
        [fma_rate::<64>, fma_rate::<96>, fma_rate::<160>].map(|rate| pool.broadcast(|_| rate()).iter().sum());
    Ok(measured.into_iter().fold(0.0, f64::max))
}

/// One thread's rate, in GFLOP/s, with this many chains side by side.
fn fma_rate<const CHAINS: usize>() -> f64 {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < TIME {
        let before = Instant::now();
        fma_chains::<CHAINS>();
        times.push(before.elapsed());
    }
    times.sort_unstable();
    (2 * STEPS * CHAINS) as f64 / times[times.len() / 2].as_secs_f64() / 1e9
}

fn fma_chains<const CHAINS: usize>() {
    let (factor, summand) = (black_box(0.999_f32), black_box(0.001_f32));
    dispatch(
        #[inline(always)]
        || {
            // Born and used inside the closure, so that it lives in registers.
            let mut chains = [0.5_f32; CHAINS];
            for _ in 0..STEPS {
                for x in &mut chains {
                    *x = x.mul_add(factor, summand);
                }
            }
            black_box(chains);
        },
    );
}

fn copy_bandwidth(threads: usize, effort: Effort) -> Result<Measurement> {
    let from = vec![1.0_f32; COPIED];
    let mut to = vec![0.0_f32; COPIED];
    let share = COPIED.div_ceil(threads);
    let time = rayon_pool(threads)?.install(|| {
        median(effort, || {
            to.par_chunks_mut(share).zip(from.par_chunks(share)).for_each(|(to, from)| to.copy_from_slice(from));
            black_box(&to);
            Ok(())
        })
    })?;
    let bytes = 2 * COPIED * size_of::<f32>();
    Ok(Measurement {
        bench: "copy in memory".into(),
        threads,
        ms_median: Some(ms(time)),
        gb_per_s: Some(bytes as f64 / time.as_secs_f64() / 1e9),
        ..Measurement::default()
    })
}

fn read_bandwidth(threads: usize, effort: Effort) -> Result<Measurement> {
    let numbers = vec![1.0_f32; READ];
    let time = rayon_pool(threads)?.install(|| {
        median(effort, || {
            numbers.par_chunks(READ.div_ceil(threads)).for_each(|share| {
                black_box(dispatch(
                    #[inline(always)]
                    || sum(share),
                ));
            });
            Ok(())
        })
    })?;
    Ok(Measurement {
        bench: "read in memory".into(),
        threads,
        ms_median: Some(ms(time)),
        gb_per_s: Some((READ * size_of::<f32>()) as f64 / time.as_secs_f64() / 1e9),
        ..Measurement::default()
    })
}

/// Sums side by side, so that reading is what takes the time.
#[inline(always)]
fn sum(numbers: &[f32]) -> [f32; 128] {
    let mut sums = [0.0; 128];
    for block in numbers.as_chunks().0 {
        let block: &[f32; 128] = block;
        sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    sums
}

/// Processes that want a core, where the system tells (Linux).
fn load_average() -> Option<String> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next().map(str::to_owned)
}
