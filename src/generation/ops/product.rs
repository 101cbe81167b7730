//! Matrix products over plain slices, on one thread: the `gemm` crate's in f32, or bf16 products with f32 sums where the processor has
//! tile registers.

use super::amx;

/// How products are computed. Pictures are always drawn in f32; training may take the faster way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// Factors rounded to bf16, sums in f32. The same as f32 on a processor that can't.
    Bf16,
}

impl Precision {
    /// What this processor will really do.
    pub fn here(self) -> Self {
        if self == Self::Bf16 && amx::available() { Self::Bf16 } else { Self::F32 }
    }
}

/// A matrix in a slice: element (r, c) lies at `r·row + c·column`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after another.
    pub fn new(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { numbers, rows, columns, row: columns, column: 1 }
    }

    /// Rows `stride` apart.
    pub fn strided(numbers: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        Self { numbers, rows, columns, row: stride, column: 1 }
    }

    /// Rows for columns.
    pub fn t(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }

    /// One past the last element.
    fn end(&self) -> usize {
        if self.rows == 0 || self.columns == 0 { 0 } else { (self.rows - 1) * self.row + (self.columns - 1) * self.column + 1 }
    }
}

/// `out` = a·b, or `out` += a·b with `add`. Rows of `out` lie `stride` apart.
///
/// # Panics
/// When the sizes do not fit: a fault of the caller.
pub fn product(out: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool, precision: Precision) {
    assert_eq!(a.columns, b.rows, "inner sizes differ");
    assert!(a.end() <= a.numbers.len() && b.end() <= b.numbers.len(), "a factor is larger than its slice");
    assert!(
        b.columns <= stride && (a.rows == 0 || (a.rows - 1) * stride + b.columns <= out.len()),
        "the result is larger than its slice"
    );
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    if precision == Precision::Bf16 && amx::available() {
        return amx::product(out, stride, a, b, add);
    }
    in_f32(out, stride, a, b, add);
}

#[expect(unsafe_code, reason = "gemm takes raw pointers; the sizes were checked against the slices by the only caller")]
fn in_f32(out: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    let step = |n: usize| n as isize;
    // SAFETY: `product` checked that all three matrices lie within their slices, and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            step(stride),
            add,
            a.numbers.as_ptr(),
            step(a.column),
            step(a.row),
            b.numbers.as_ptr(),
            step(b.column),
            step(b.row),
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
