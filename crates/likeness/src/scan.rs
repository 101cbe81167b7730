//! The nearest of many rows, by looking at every one: exact, and fast enough for millions. Ties go to the earlier row.

use super::vectorised;

/// Numbers of a descriptor.
pub const WIDTH: usize = 64;
/// Rows whose values are worked out before they are looked through.
const BLOCK: usize = 1024;

/// A row's place, and its value.
pub type Found = (u32, i32);

/// The `most` rows with the greatest products with `query`, the greatest first. Descriptors have length 127: the product of two is their
/// cosine in units of 1/16,129.
pub fn greatest_products(query: &[i8; WIDTH], rows: &[[i8; WIDTH]], most: usize) -> Vec<Found> {
    let wide = query.map(i16::from);
    best(rows, most, |row| {
        let mut sums = [0i32; WIDTH / 2];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = i32::from(wide[2 * i]) * i32::from(row[2 * i]) + i32::from(wide[2 * i + 1]) * i32::from(row[2 * i + 1]);
        }
        sums.iter().sum()
    })
}

/// The `most` rows with the fewest differing bits from `query`, the nearest first; values are numbers of bits, negative.
pub fn fewest_bits(query: &[u8; 32], rows: &[[u8; 32]], most: usize) -> Vec<Found> {
    let words = |bytes: &[u8; 32]| -> [u64; 4] {
        let (words, _) = bytes.as_chunks::<8>();
        std::array::from_fn(|i| u64::from_le_bytes(words[i]))
    };
    let query = words(query);
    best(rows, most, |row| {
        let row = words(row);
        -((0..4).map(|i| (query[i] ^ row[i]).count_ones()).sum::<u32>() as i32)
    })
}

/// The rows with the greatest values, in order.
fn best<R>(rows: &[R], most: usize, value: impl Fn(&R) -> i32) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::with_capacity(most + 1);
    if most == 0 {
        return found;
    }
    let mut values = [0i32; BLOCK];
    for (block, part) in rows.chunks(BLOCK).enumerate() {
        let values = &mut values[..part.len()];
        vectorised(|| values.iter_mut().zip(part).for_each(|(to, row)| *to = value(row)));
        for (i, &value) in values.iter().enumerate() {
            if found.len() < most || found.last().is_some_and(|last| value > last.1) {
                let at = found.partition_point(|known| known.1 >= value);
                found.insert(at, ((block * BLOCK + i) as u32, value));
                found.truncate(most);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers that look like chance.
    fn numbers(count: usize) -> impl Iterator<Item = u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        (0..count).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
    }

    #[test]
    fn the_same_as_sorting_everything() {
        let bytes: Vec<u8> = numbers(3_000 * WIDTH).collect();
        let rows: Vec<[i8; WIDTH]> = bytes.as_chunks::<WIDTH>().0.iter().map(|row| row.map(|x| x as i8 / 4)).collect();
        let bits: Vec<[u8; 32]> = bytes.as_chunks::<32>().0.to_vec();
        for at in [0, 17, 2_999] {
            let product = |row: &[i8; WIDTH]| row.iter().zip(&rows[at]).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>();
            let mut all: Vec<Found> = rows.iter().enumerate().map(|(i, row)| (i as u32, product(row))).collect();
            all.sort_by_key(|found| (-found.1, found.0));
            assert_eq!(greatest_products(&rows[at], &rows, 40), all[..40]);
            let apart = |row: &[u8; 32]| row.iter().zip(&bits[at]).map(|(a, b)| (a ^ b).count_ones() as i32).sum::<i32>();
            let mut all: Vec<Found> = bits.iter().enumerate().map(|(i, row)| (i as u32, -apart(row))).collect();
            all.sort_by_key(|found| (-found.1, found.0));
            assert_eq!(fewest_bits(&bits[at], &bits, 40), all[..40]);
        }
    }

    #[test]
    fn few_rows_and_none() {
        let row = [1i8; WIDTH];
        assert_eq!(greatest_products(&row, &[], 5), []);
        assert_eq!(greatest_products(&row, &[row, [2; WIDTH], row], 5), [(1, 128), (0, 64), (2, 64)]);
        assert_eq!(greatest_products(&row, &[row], 0), []);
        assert_eq!(fewest_bits(&[0; 32], &[[255; 32], [0; 32]], 1), [(1, 0)]);
    }
}
