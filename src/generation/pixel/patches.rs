//! Pixels ↔ patches. Within a patch the numbers go cell by cell (4×4 cells), then row by row, then colour by colour; patches go row by row.

/// Cells along a patch's side.
const CELLS: usize = 4;

/// For each number of the packed form: where it lies in the picture.
fn places(side: usize, patch: usize, channels: usize) -> impl Iterator<Item = usize> {
    let (grid, cell) = (side / patch, patch / CELLS);
    (0..grid * grid).flat_map(move |token| {
        (0..CELLS * CELLS).flat_map(move |at| {
            (0..cell * cell).flat_map(move |pixel| {
                let y = token / grid * patch + at / CELLS * cell + pixel / cell;
                let x = token % grid * patch + at % CELLS * cell + pixel % cell;
                (0..channels).map(move |channel| (y * side + x) * channels + channel)
            })
        })
    })
}

/// A picture of `channels` numbers a pixel, rows from the top → tokens × numbers of a patch.
pub fn pack<T: Copy>(picture: &[T], side: usize, patch: usize, channels: usize) -> Vec<T> {
    places(side, patch, channels).map(|place| picture[place]).collect()
}

/// The way back.
pub fn unpack<T: Copy + Default>(packed: &[T], side: usize, patch: usize, channels: usize) -> Vec<T> {
    let mut picture = vec![T::default(); side * side * channels];
    places(side, patch, channels).zip(packed).for_each(|(place, number)| picture[place] = *number);
    picture
}
