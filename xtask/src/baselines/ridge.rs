//! Linear regression with squared weights held down, by conjugate gradients on its normal equations.

use ndarray::{Array1, Array2, Axis, Zip};

/// Steps of conjugate gradients; the residual is far below what matters by then.
const ITERATIONS: usize = 60;

/// The weights `(grams, numbers)` that minimise `‖X·W − Y‖² + penalty·‖W‖²`, where row i of X has `value(bag)` at the
/// n-grams of bag i. One system for each column of Y, all solved side by side.
///
/// Hestenes and Stiefel 1952, *Methods of Conjugate Gradients for Solving Linear Systems*, section 3.
pub fn solve(bags: &[Vec<u32>], targets: &Array2<f32>, grams: usize, penalty: f32) -> Array2<f32> {
    let mut weights = Array2::zeros((grams, targets.ncols()));
    let mut residual = transposed_product(bags, targets, grams);
    let mut direction = residual.clone();
    let mut squares = column_products(&residual, &residual);
    for _ in 0..ITERATIONS {
        let mut image = transposed_product(bags, &product(bags, &direction), grams);
        image.scaled_add(penalty, &direction);
        let step = ratio(&squares, &column_products(&direction, &image));
        add_scaled(&mut weights, &direction, &step);
        add_scaled(&mut residual, &image, &step.mapv(|x| -x));
        let next = column_products(&residual, &residual);
        let keep = ratio(&next, &squares);
        direction *= &keep;
        direction += &residual;
        squares = next;
    }
    weights
}

/// What each n-gram of a bag counts: bags of any size have unit length.
pub fn value(bag: &[u32]) -> f32 {
    1.0 / (bag.len().max(1) as f32).sqrt()
}

/// X·W
pub fn product(bags: &[Vec<u32>], weights: &Array2<f32>) -> Array2<f32> {
    let mut result = Array2::zeros((bags.len(), weights.ncols()));
    for (bag, mut row) in bags.iter().zip(result.rows_mut()) {
        bag.iter().for_each(|&gram| row += &weights.row(gram as usize));
        row *= value(bag);
    }
    result
}

/// Xᵀ·Y
fn transposed_product(bags: &[Vec<u32>], right: &Array2<f32>, grams: usize) -> Array2<f32> {
    let mut result = Array2::zeros((grams, right.ncols()));
    for (bag, row) in bags.iter().zip(right.rows()) {
        bag.iter().for_each(|&gram| result.row_mut(gram as usize).scaled_add(value(bag), &row));
    }
    result
}

/// For each column the product of both matrices' columns.
fn column_products(a: &Array2<f32>, b: &Array2<f32>) -> Array1<f32> {
    let mut sums = Array1::zeros(a.ncols());
    for (a, b) in a.axis_iter(Axis(0)).zip(b.axis_iter(Axis(0))) {
        Zip::from(&mut sums).and(a).and(b).for_each(|sum, a, b| *sum += f64::from(*a) * f64::from(*b));
    }
    sums.mapv(|sum: f64| sum as f32)
}

/// 0 where there is nothing left to solve.
fn ratio(a: &Array1<f32>, b: &Array1<f32>) -> Array1<f32> {
    Zip::from(a).and(b).map_collect(|a, b| if *b > 0.0 { a / b } else { 0.0 })
}

fn add_scaled(to: &mut Array2<f32>, what: &Array2<f32>, factors: &Array1<f32>) {
    for (mut to, what) in to.rows_mut().into_iter().zip(what.rows()) {
        Zip::from(&mut to).and(what).and(factors).for_each(|to, what, factor| *to += what * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_normal_equations_hold() {
        let bags = vec![vec![0, 1], vec![1], vec![0, 2], vec![0, 1, 2]];
        let targets = array![[1.0, 0.5], [0.0, -1.0], [2.0, 1.0], [0.3, 0.3]];
        let weights = solve(&bags, &targets, 3, 0.1);
        let difference = product(&bags, &weights) - &targets;
        let gradient = transposed_product(&bags, &difference, 3) + &weights * 0.1;
        assert!(gradient.iter().all(|x| x.abs() < 1e-5), "{gradient}");
    }
}
