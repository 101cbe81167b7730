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
    /// Each factor as the sum of two bf16 numbers, sums in f32: within 2⁻¹⁶ of each product. The same as f32 on a processor that can't.
    Split,
    /// Layers composed of candle's plain operations, in the number type of their weights, on any device. Elsewhere the same as f32.
    Composed,
}

impl Precision {
    /// What this processor will really do.
    pub fn here(self) -> Self {
        if amx::available() && self != Self::Composed { self } else { Self::F32 }
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
#[expect(unsafe_code, reason = "products take raw pointers; the sizes are checked against the slices here")]
pub fn product(out: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool, precision: Precision) {
    check(&a, &b);
    assert!(
        b.columns <= stride && (a.rows == 0 || (a.rows - 1) * stride + b.columns <= out.len()),
        "the result is larger than its slice"
    );
    // SAFETY: all three matrices lie within their slices, and `out` is borrowed alone.
    unsafe { raw(out.as_mut_ptr(), stride, a, b, add, precision) };
}

/// a·b, rows one after another.
///
/// # Panics
/// When the sizes do not fit: a fault of the caller.
#[expect(unsafe_code, reason = "the result is written before it is looked at, so it need not be filled with zeros first")]
pub fn product_of(a: Matrix<'_>, b: Matrix<'_>, precision: Precision) -> Vec<f32> {
    check(&a, &b);
    let count = a.rows * b.columns;
    if a.columns == 0 {
        return vec![0.0; count];
    }
    let mut out = Vec::with_capacity(count);
    // SAFETY: there is room for `count` numbers, and without `add` a product writes each and reads none.
    unsafe {
        raw(out.as_mut_ptr(), b.columns, a, b, false, precision);
        out.set_len(count);
    }
    out
}

fn check(a: &Matrix<'_>, b: &Matrix<'_>) {
    assert_eq!(a.columns, b.rows, "inner sizes differ");
    assert!(a.end() <= a.numbers.len() && b.end() <= b.numbers.len(), "a factor is larger than its slice");
}

/// # Safety
/// `out` must have room for the result, and may be uninitialised without `add`; a and b must lie within their slices.
#[expect(unsafe_code, reason = "gemm and the tiles take raw pointers")]
unsafe fn raw(out: *mut f32, stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool, precision: Precision) {
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    if precision == Precision::Bf16 && amx::available() {
        // SAFETY: as the caller promised.
        return unsafe { amx::product(out, stride, a, b, add) };
    }
    let step = |n: usize| n as isize;
    // SAFETY: as the caller promised.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out,
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
