//! Words that share a beginning share its states: a sorted list of words as the levels of a prefix tree.

use ndarray::ArrayView2;

/// One character position: the different beginnings that end there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Level {
    /// The last character of each beginning.
    pub(crate) characters: Vec<u16>,
    /// For each, which beginning of the level before it continues; empty on the first level.
    pub(crate) parents: Vec<usize>,
}

/// The levels of the words in the rows `order` of `indices (words, time)`, which must be sorted, and for each of these
/// words its place on the last level.
pub(crate) fn levels(indices: ArrayView2<'_, u16>, order: &[usize]) -> (Vec<Level>, Vec<usize>) {
    let time = indices.ncols();
    let mut levels = vec![Level { characters: Vec::new(), parents: Vec::new() }; time];
    let mut places = Vec::with_capacity(order.len());
    for (position, &word) in order.iter().enumerate() {
        let row = indices.row(word);
        let shared = match position {
            0 => 0,
            _ => row.iter().zip(indices.row(order[position - 1])).take_while(|(a, b)| a == b).count(),
        };
        for t in shared..time {
            let parent = t.checked_sub(1).map(|before| levels[before].characters.len() - 1);
            levels[t].characters.push(row[t]);
            levels[t].parents.extend(parent);
        }
        places.push(levels.last().map_or(0, |level| level.characters.len() - 1));
    }
    (levels, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn shared_beginnings_stand_once() {
        let indices = array![[0_u16, 2, 1], [0, 1, 1], [0, 1, 3], [0, 1, 1]];
        let (levels, places) = levels(indices.view(), &[1, 3, 2, 0]);
        assert_eq!(levels[0], Level { characters: vec![0], parents: vec![] });
        assert_eq!(levels[1], Level { characters: vec![1, 2], parents: vec![0, 0] });
        assert_eq!(levels[2], Level { characters: vec![1, 3, 1], parents: vec![0, 0, 1] });
        assert_eq!(places, [0, 0, 1, 2]);
    }
}
