//! Products of bf16 numbers in the tile registers of x86 processors (AMX; Intel Architectures Software Developer's Manual, volume 1,
//! chapter 18): a row of 16×16 sums takes 32 factors at once. Eight to ten times as fast as f32 in vector registers.
//!
//! Rust has no stable names for these instructions, so they stand here as assembler: the one place in this crate, together with the
//! call of `gemm`, that is not checked by the compiler. A test compares every shape of product with plain arithmetic.

use super::product::Matrix;

/// Where the result of a product lies: rows `stride` numbers apart. Whoever holds one promises that the room is theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub out: *mut f32,
    pub stride: usize,
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod tiles {
    /// Not on this processor.
    pub(in super::super) fn available() -> bool {
        false
    }

    /// Never called.
    ///
    /// # Safety
    /// None needed.
    #[expect(unsafe_code, reason = "the same shape as on a processor with tiles")]
    pub(in super::super) unsafe fn product(_: *mut f32, _: usize, _: super::Matrix<'_>, _: super::Matrix<'_>, _: bool) {}

    /// Never made.
    #[derive(Debug)]
    pub(in super::super) struct Panels;

    impl Panels {
        /// Never called.
        pub(in super::super) fn new(_: super::Matrix<'_>, _: bool) -> Self {
            Self
        }

        /// Never called.
        ///
        /// # Safety
        /// None needed.
        #[expect(unsafe_code, reason = "the same shape as on a processor with tiles")]
        pub(in super::super) unsafe fn apply<'x>(
            &self,
            _: super::Place,
            _: std::ops::Range<usize>,
            _: std::ops::Range<usize>,
            _: &impl Fn(usize, usize) -> Option<&'x [f32]>,
        ) {
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles {
    #![expect(unsafe_code, reason = "tile instructions have no safe form; sizes are checked by `product`")]

    use std::arch::asm;
    use std::arch::x86_64::{
        __m256i, __m512, __m512i, _CMP_ORD_Q, _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmp_ps_mask,
        _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_maskz_loadu_ps,
        _mm512_maskz_mov_ps, _mm512_permutexvar_epi16, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_i32x4,
        _mm512_slli_epi32, _mm512_storeu_si512, _mm512_sub_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };
    use std::cell::RefCell;
    use std::sync::OnceLock;

    use rayon::prelude::*;

    use super::{Matrix, Place};

    /// Side of a block of sums: two tiles by two.
    const BLOCK: usize = 32;
    /// Inner factors one tile holds.
    const DEPTH: usize = 32;
    /// Inner factors packed at a time: so the packed right side stays in the second-level cache.
    const RUN: usize = 1024;
    /// bf16 numbers of two tiles.
    const PAIR: usize = 2 * 16 * DEPTH;

    /// Whether the processor has tiles and the system lets this process use them.
    pub(in super::super) fn available() -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| has_tiles() && permitted())
    }

    fn has_tiles() -> bool {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        // CPUID 7.0: EDX bit 22 is AMX-BF16, bit 24 is AMX-TILE. Bit 27 of leaf 1's ECX: the system saves extended state.
        if __cpuid(0).eax < 7 || __cpuid(1).ecx & (1 << 27) == 0 {
            return false;
        }
        let found = __cpuid_count(7, 0).edx;
        let wide = std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512bf16");
        found & (1 << 22) != 0 && found & (1 << 24) != 0 && wide
    }

    /// Linux hands tile state out on request: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
    fn permitted() -> bool {
        let answer: i64;
        // SAFETY: the call changes nothing but this process's permission; the kernel clobbers rcx and r11.
        unsafe {
            asm!("syscall", inlateout("rax") 158i64 => answer, in("rdi") 0x1023i64, in("rsi") 18i64,
                lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        answer == 0
    }

    #[repr(C, align(64))]
    struct Config([u8; 64]);

    /// All eight tiles: 16 rows of 64 bytes (palette 1).
    static CONFIG: Config = {
        let mut bytes = [0u8; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Config(bytes)
    };

    /// `sums` (32×32, rows `stride` numbers apart) = or, with `keep`, += packed a · packed b over `depth` tiles.
    ///
    /// # Safety
    /// `a` and `b` must each hold `depth` pairs of tiles, `sums` 32 rows of 32 numbers, and the tiles must be configured.
    unsafe fn block(a: *const u32, b: *const u32, depth: usize, sums: *mut f32, stride: usize, keep: bool) {
        // SAFETY: as the caller promised; every register written is named.
        unsafe {
            let low = sums.add(16 * stride);
            if keep {
                asm!(
                    "tileloadd tmm0, [{c} + {row}*1]",
                    "tileloadd tmm1, [{c} + {row}*1 + 64]",
                    "tileloadd tmm2, [{low} + {row}*1]",
                    "tileloadd tmm3, [{low} + {row}*1 + 64]",
                    c = in(reg) sums, low = in(reg) low, row = in(reg) stride * 4,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    options(nostack),
                );
            }
            asm!(
                "2:",
                "tileloadd tmm4, [{a} + {line}*1]",
                "tileloadd tmm6, [{b} + {line}*1]",
                "tileloadd tmm5, [{a} + {line}*1 + 1024]",
                "tileloadd tmm7, [{b} + {line}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 2048",
                "add {b}, 2048",
                "dec {depth}",
                "jnz 2b",
                "tilestored [{c} + {row}*1], tmm0",
                "tilestored [{c} + {row}*1 + 64], tmm1",
                "tilestored [{low} + {row}*1], tmm2",
                "tilestored [{low} + {row}*1 + 64], tmm3",
                a = inout(reg) a => _,
                b = inout(reg) b => _,
                depth = inout(reg) depth => _,
                c = in(reg) sums,
                low = in(reg) low,
                row = in(reg) stride * 4,
                line = in(reg) 64usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Rounds to the nearest bf16, half to even. A NaN stays one.
    #[inline(always)]
    fn bf16(x: f32) -> u32 {
        let bits = x.to_bits();
        bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16
    }

    /// Two neighbours along the inner side, as one tile element pair.
    #[inline(always)]
    fn pair(first: f32, second: f32) -> u32 {
        bf16(first) | (bf16(second) << 16)
    }

    /// `count` numbers, sixteen at most, from `at` on; zeros after them.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn take(numbers: &[f32], at: usize, count: usize) -> __m512 {
        if count == 0 {
            return _mm512_setzero_ps();
        }
        let count = count.min(16);
        // SAFETY: the mask lets only numbers of the slice be read.
        unsafe { _mm512_maskz_loadu_ps(0xffff >> (16 - count), numbers[at..at + count].as_ptr()) }
    }

    /// `count` numbers, thirty-two at most, from `at` on, as pairs of neighbours.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn along(numbers: &[f32], at: usize, count: usize) -> __m512i {
        let (low, high) = (take(numbers, at, count), take(numbers, at + 16, count.saturating_sub(16)));
        // SAFETY: both types are 64 bytes of plain bits.
        unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
    }

    /// `count` numbers, sixteen at most, from each of two places on, as pairs of one of each; zeros for a place that is not there.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn across(numbers: &[f32], places: [Option<usize>; 2], count: usize) -> __m512i {
        const ORDER: [u16; 32] = {
            let mut order = [0u16; 32];
            let mut i = 0;
            while i < 32 {
                order[i] = (i / 2 + i % 2 * 16) as u16;
                i += 1;
            }
            order
        };
        let of = |place: Option<usize>| match place {
            Some(at) => take(numbers, at, count),
            None => _mm512_setzero_ps(),
        };
        // SAFETY: all types are 64 bytes of plain bits.
        unsafe {
            let both =
                std::mem::transmute::<std::arch::x86_64::__m512bh, __m512i>(_mm512_cvtne2ps_pbh(of(places[1]), of(places[0])));
            _mm512_permutexvar_epi16(_mm512_loadu_si512(ORDER.as_ptr().cast()), both)
        }
    }

    /// Writes one row of a tile.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    fn put(row: &mut [u32], pairs: __m512i) {
        // SAFETY: the slice holds 16 numbers.
        unsafe { _mm512_storeu_si512(row[..16].as_mut_ptr().cast(), pairs) };
    }

    /// Rows for columns of 16×16 pairs, into a tile.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn turn(tile: &mut [u32], rows: &[__m512i; 16]) {
        let mut twos = *rows;
        for i in (0..16).step_by(2) {
            twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
            twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        }
        // Lane L of fours[4·g + j] holds column 4·L + j of rows 4·g to 4·g + 3.
        let mut fours = twos;
        for i in (0..16).step_by(4) {
            fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
            fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
            fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
            fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
        }
        for j in 0..4 {
            const EVEN: i32 = 0x88;
            const ODD: i32 = 0xdd;
            let (upper, lower) = ((fours[j], fours[4 + j]), (fours[8 + j], fours[12 + j]));
            let (a, b) = (_mm512_shuffle_i32x4::<EVEN>(upper.0, upper.1), _mm512_shuffle_i32x4::<EVEN>(lower.0, lower.1));
            let (c, d) = (_mm512_shuffle_i32x4::<ODD>(upper.0, upper.1), _mm512_shuffle_i32x4::<ODD>(lower.0, lower.1));
            put(&mut tile[j * 16..], _mm512_shuffle_i32x4::<EVEN>(a, b));
            put(&mut tile[(8 + j) * 16..], _mm512_shuffle_i32x4::<ODD>(a, b));
            put(&mut tile[(4 + j) * 16..], _mm512_shuffle_i32x4::<EVEN>(c, d));
            put(&mut tile[(12 + j) * 16..], _mm512_shuffle_i32x4::<ODD>(c, d));
        }
    }

    /// The right side of many products, packed once: for each 32 columns and each 32 inner factors two tiles, and with `split` two more of
    /// what rounding to bf16 left over.
    #[derive(Debug)]
    pub(in super::super) struct Panels {
        rows: usize,
        columns: usize,
        split: bool,
        panels: Vec<u32>,
    }

    /// Inner factors of the left side packed at a time, so that 256 rows of it stay in the second-level cache.
    const STRETCH: usize = 512;

    impl Panels {
        /// Packs a matrix of inner × columns.
        pub(in super::super) fn new(b: Matrix<'_>, split: bool) -> Self {
            let depth = b.rows.div_ceil(DEPTH);
            let (wide, parts) = (b.columns.div_ceil(BLOCK), 1 + usize::from(split));
            let panel = depth * parts * PAIR / 2;
            let mut panels = vec![0u32; wide * panel];
            panels.par_chunks_mut(panel.max(1)).enumerate().for_each(|(j, panel)| {
                let mut part = vec![0u32; depth * PAIR / 2];
                for n in 0..parts {
                    if n == 0 {
                        // SAFETY: `available` found these instructions before anything came here.
                        unsafe { pack_right(&mut part, b, j * BLOCK, 0, b.rows) };
                    } else {
                        let columns = j * BLOCK..((j + 1) * BLOCK).min(b.columns);
                        let mut rest = Vec::with_capacity(b.rows * columns.len());
                        for r in 0..b.rows {
                            rest.extend(columns.clone().map(|c| left_over(b.numbers[r * b.row + c * b.column])));
                        }
                        // SAFETY: as above.
                        unsafe { pack_right(&mut part, Matrix::new(&rest, b.rows, columns.len()), 0, 0, b.rows) };
                    }
                    for (d, tiles) in part.chunks_exact(PAIR / 2).enumerate() {
                        panel[(d * parts + n) * PAIR / 2..][..PAIR / 2].copy_from_slice(tiles);
                    }
                }
            });
            Self { rows: b.rows, columns: b.columns, split, panels }
        }

        /// `place` += a·b for the rows and columns named; columns in whole blocks of 32 but for the last. `line(r, k)` gives the numbers of row
        /// `r` of a from inner factor `k`, a multiple of 32, on: as many as there are, up to 32; `None` for zeros.
        ///
        /// # Safety
        /// Those rows and columns of `place` must be this caller's own, and initialised.
        pub(in super::super) unsafe fn apply<'x>(
            &self,
            place: Place,
            rows: std::ops::Range<usize>,
            columns: std::ops::Range<usize>,
            line: &impl Fn(usize, usize) -> Option<&'x [f32]>,
        ) {
            let parts = 1 + usize::from(self.split);
            let whole = self.rows.div_ceil(DEPTH);
            let high = rows.len().div_ceil(BLOCK);
            SPACE.with_borrow_mut(|(left, _)| {
                // SAFETY: the configuration is 64 bytes; tiles are this thread's own until they are released below.
                unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack)) };
                let mut sums = [0f32; BLOCK * BLOCK];
                for from in (0..whole).step_by(STRETCH / DEPTH) {
                    let depth = (STRETCH / DEPTH).min(whole - from);
                    let panel = depth * parts * PAIR / 2;
                    left.resize((high * panel).max(left.len()), 0);
                    for (i, panel) in left.chunks_exact_mut(panel).take(high).enumerate() {
                        // SAFETY: `available` found these instructions before anything came here.
                        unsafe { pack_lines(panel, self.split, rows.start + i * BLOCK..rows.end, from, self.rows, line) };
                    }
                    for j in columns.start / BLOCK..columns.end.div_ceil(BLOCK) {
                        let b = self.panels[(j * whole + from) * parts * PAIR / 2..][..panel].as_ptr();
                        let wide = BLOCK.min(columns.end - j * BLOCK).min(self.columns - j * BLOCK);
                        for i in 0..high {
                            let (first, a) = (rows.start + i * BLOCK, left[i * panel..][..panel].as_ptr());
                            let tall = BLOCK.min(rows.end - first);
                            // SAFETY: each panel holds `depth` tiles of each part, the tiles are configured, and the caller promised that the
                            // result is theirs: whole blocks are written in place, cut ones by way of `sums`.
                            unsafe {
                                let corner = place.out.add(first * place.stride + j * BLOCK);
                                if tall == BLOCK && wide == BLOCK {
                                    self.one(a, b, depth, corner, place.stride);
                                    continue;
                                }
                                for r in 0..tall {
                                    sums[r * BLOCK..].as_mut_ptr().copy_from_nonoverlapping(corner.add(r * place.stride), wide);
                                }
                                self.one(a, b, depth, sums.as_mut_ptr(), BLOCK);
                                for r in 0..tall {
                                    corner.add(r * place.stride).copy_from_nonoverlapping(sums[r * BLOCK..].as_ptr(), wide);
                                }
                            }
                        }
                    }
                }
                // SAFETY: gives the tile state back.
                unsafe { asm!("tilerelease", options(nostack)) };
            });
        }

        /// # Safety
        /// As [`block`].
        unsafe fn one(&self, a: *const u32, b: *const u32, depth: usize, sums: *mut f32, stride: usize) {
            // SAFETY: as the caller promised.
            unsafe {
                if self.split {
                    split_block(a, b, depth, sums, stride);
                } else {
                    block(a, b, depth, sums, stride, true);
                }
            }
        }
    }

    /// What rounding to bf16 leaves of a number; 0 of what is not finite, so that the sum stays what it is.
    #[inline(always)]
    fn left_over(x: f32) -> f32 {
        let rest = x - f32::from_bits(bf16(x) << 16);
        if rest.is_finite() { rest } else { 0.0 }
    }

    /// `sums` (32×32) += a·b, each factor as two bf16 numbers: high·high, low·high and high·low. What is left out, low·low, is 2⁻¹⁶ of the
    /// product.
    ///
    /// # Safety
    /// `a` and `b` must each hold `depth` times two tiles of the high and two of the low parts, `sums` 32 rows of 32 numbers, and the tiles must
    /// be configured.
    unsafe fn split_block(a: *const u32, b: *const u32, depth: usize, sums: *mut f32, stride: usize) {
        // SAFETY: as the caller promised; every register written is named.
        unsafe {
            let low = sums.add(16 * stride);
            asm!(
                "tileloadd tmm0, [{c} + {row}*1]",
                "tileloadd tmm1, [{c} + {row}*1 + 64]",
                "tileloadd tmm2, [{low} + {row}*1]",
                "tileloadd tmm3, [{low} + {row}*1 + 64]",
                "2:",
                "tileloadd tmm4, [{a} + {line}*1]",
                "tileloadd tmm6, [{b} + {line}*1]",
                "tileloadd tmm5, [{a} + {line}*1 + 1024]",
                "tileloadd tmm7, [{b} + {line}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{a} + {line}*1 + 2048]",
                "tileloadd tmm5, [{a} + {line}*1 + 3072]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{a} + {line}*1]",
                "tileloadd tmm6, [{b} + {line}*1 + 2048]",
                "tileloadd tmm5, [{a} + {line}*1 + 1024]",
                "tileloadd tmm7, [{b} + {line}*1 + 3072]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 4096",
                "add {b}, 4096",
                "dec {depth}",
                "jnz 2b",
                "tilestored [{c} + {row}*1], tmm0",
                "tilestored [{c} + {row}*1 + 64], tmm1",
                "tilestored [{low} + {row}*1], tmm2",
                "tilestored [{low} + {row}*1 + 64], tmm3",
                a = inout(reg) a => _,
                b = inout(reg) b => _,
                depth = inout(reg) depth => _,
                c = in(reg) sums,
                low = in(reg) low,
                row = in(reg) stride * 4,
                line = in(reg) 64usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Up to 32 rows, from tile `from` on, into a panel. Rows and factors beyond the last are zero.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_lines<'x>(
        panel: &mut [u32],
        split: bool,
        rows: std::ops::Range<usize>,
        from: usize,
        inner: usize,
        line: &impl Fn(usize, usize) -> Option<&'x [f32]>,
    ) {
        let parts = 1 + usize::from(split);
        for r in 0..BLOCK {
            let at = (r / 16) * 256 + (r % 16) * 16;
            for (d, tiles) in panel.chunks_exact_mut(parts * PAIR / 2).enumerate() {
                let k = (from + d) * DEPTH;
                let numbers = if rows.start + r < rows.end { line(rows.start + r, k) } else { None };
                let count = DEPTH.min(inner - k);
                let (low, high) = match numbers {
                    Some(numbers) => (take(numbers, 0, count), take(numbers, 16, count.saturating_sub(16))),
                    None => (_mm512_setzero_ps(), _mm512_setzero_ps()),
                };
                let near = _mm512_cvtne2ps_pbh(high, low);
                // SAFETY: both types are 64 bytes of plain bits.
                let near: __m512i = unsafe { std::mem::transmute(near) };
                put(&mut tiles[at..], near);
                if split {
                    let rest = |x: __m512, bits: __m256i| {
                        let wide = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits));
                        let rest = _mm512_sub_ps(x, _mm512_castsi512_ps(wide));
                        // What is not finite leaves nothing over.
                        _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(rest, rest), rest)
                    };
                    let (low, high) = (rest(low, _mm512_castsi512_si256(near)), rest(high, _mm512_extracti64x4_epi64::<1>(near)));
                    // SAFETY: both types are 64 bytes of plain bits.
                    let far: __m512i = unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) };
                    put(&mut tiles[PAIR / 2 + at..], far);
                }
            }
        }
    }

    thread_local! {
        static SPACE: RefCell<(Vec<u32>, Vec<u32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }

    /// `out` = or, with `add`, += a·b; rows of `out` lie `stride` apart.
    ///
    /// # Safety
    /// `out` must have room for the result, which without `add` may be uninitialised, and a and b must lie within their slices.
    pub(in super::super) unsafe fn product(out: *mut f32, stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool) {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        let (high, wide) = (m.div_ceil(BLOCK), n.div_ceil(BLOCK));
        if k == 0 {
            if !add {
                // SAFETY: the caller promised the room.
                (0..m).for_each(|r| unsafe { out.add(r * stride).write_bytes(0, n) });
            }
            return;
        }
        SPACE.with_borrow_mut(|(left, right)| {
            // SAFETY: the configuration is 64 bytes; tiles are this thread's own until they are released below.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack)) };
            let mut sums = [0f32; BLOCK * BLOCK];
            for from in (0..k).step_by(RUN) {
                let run = RUN.min(k - from);
                let depth = run.div_ceil(DEPTH);
                let panel = depth * PAIR / 2;
                left.resize((high * panel).max(left.len()), 0);
                right.resize((wide * panel).max(right.len()), 0);
                // SAFETY: `available` found these instructions before anything came here.
                unsafe {
                    (0..high).for_each(|i| pack_left(&mut left[i * panel..][..panel], a, i * BLOCK, from, run));
                    (0..wide).for_each(|j| pack_right(&mut right[j * panel..][..panel], b, j * BLOCK, from, run));
                }
                let keep = add || from > 0;
                for i in 0..high {
                    let rows = BLOCK.min(m - i * BLOCK);
                    for j in 0..wide {
                        let columns = BLOCK.min(n - j * BLOCK);
                        let (a, b) = (left[i * panel..][..panel].as_ptr(), right[j * panel..][..panel].as_ptr());
                        // SAFETY: each panel holds `depth` pairs of tiles, the tiles are configured, and the caller promised room for
                        // the result: whole blocks are written in place, cut ones by way of `sums`.
                        unsafe {
                            let corner = out.add(i * BLOCK * stride + j * BLOCK);
                            if rows == BLOCK && columns == BLOCK {
                                block(a, b, depth, corner, stride, keep);
                                continue;
                            }
                            for r in 0..rows {
                                if keep {
                                    sums[r * BLOCK..].as_mut_ptr().copy_from_nonoverlapping(corner.add(r * stride), columns);
                                }
                            }
                            block(a, b, depth, sums.as_mut_ptr(), BLOCK, keep);
                            for r in 0..rows {
                                corner.add(r * stride).copy_from_nonoverlapping(sums[r * BLOCK..].as_ptr(), columns);
                            }
                        }
                    }
                }
            }
            // SAFETY: gives the tile state back.
            unsafe { asm!("tilerelease", options(nostack)) };
        });
    }

    /// Rows `r0..r0+32` of a, inner `from..from+run`: for each 32 inner factors two tiles of 16 rows × 32 factors. Outside is zero.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_left(panel: &mut [u32], a: Matrix<'_>, r0: usize, from: usize, run: usize) {
        let rows = BLOCK.min(a.rows - r0);
        if a.column == 1 {
            for r in 0..BLOCK {
                for d in 0..run.div_ceil(DEPTH) {
                    let count = if r < rows { run - d * DEPTH } else { 0 };
                    let line = (r0 + r) * a.row + from + d * DEPTH;
                    put(&mut panel[(d * 2 + r / 16) * 256 + (r % 16) * 16..], along(a.numbers, line, count));
                }
            }
        } else if a.row == 1 {
            for (n, tile) in panel.chunks_exact_mut(256).enumerate() {
                let line = |k: usize| {
                    let k = n / 2 * DEPTH + k;
                    (k < run).then(|| (from + k) * a.column + r0 + n % 2 * 16)
                };
                let count = rows.saturating_sub(n % 2 * 16);
                let mut pairs = [_mm512_setzero_si512(); 16];
                for (i, pair) in pairs.iter_mut().enumerate() {
                    *pair = across(a.numbers, [line(2 * i), line(2 * i + 1)], count);
                }
                turn(tile, &pairs);
            }
        } else {
            panel.fill(0);
            for two in (0..run).step_by(2) {
                for r in 0..rows {
                    let at = (r0 + r) * a.row + (from + two) * a.column;
                    let second = if two + 1 < run { a.numbers[at + a.column] } else { 0.0 };
                    panel[(two / DEPTH * 2 + r / 16) * 256 + (r % 16) * 16 + two % DEPTH / 2] = pair(a.numbers[at], second);
                }
            }
        }
    }

    /// Columns `c0..c0+32` of b, inner `from..from+run`: for each 32 inner factors two tiles of 16 pairs × 16 columns. Outside is zero.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_right(panel: &mut [u32], b: Matrix<'_>, c0: usize, from: usize, run: usize) {
        let columns = BLOCK.min(b.columns - c0);
        if b.column == 1 {
            for (n, row) in panel.chunks_exact_mut(16).enumerate() {
                let (two, half) = (n / 32 * DEPTH + n % 16 * 2, n % 32 / 16 * 16);
                let line = |k: usize| (k < run).then(|| (from + k) * b.row + c0 + half);
                put(row, across(b.numbers, [line(two), line(two + 1)], columns.saturating_sub(half)));
            }
        } else if b.row == 1 {
            for (n, tile) in panel.chunks_exact_mut(256).enumerate() {
                let mut pairs = [_mm512_setzero_si512(); 16];
                for (c, pair) in pairs.iter_mut().enumerate() {
                    let (c, k) = (n % 2 * 16 + c, n / 2 * DEPTH);
                    *pair = along(b.numbers, (c0 + c) * b.column + from + k, if c < columns { run - k } else { 0 });
                }
                turn(tile, &pairs);
            }
        } else {
            panel.fill(0);
            for c in 0..columns {
                for two in (0..run).step_by(2) {
                    let at = (from + two) * b.row + (c0 + c) * b.column;
                    let second = if two + 1 < run { b.numbers[at + b.row] } else { 0.0 };
                    panel[(two / DEPTH * 2 + c / 16) * 256 + two % DEPTH / 2 * 16 + c % 16] = pair(b.numbers[at], second);
                }
            }
        }
    }
}

pub(super) use tiles::{Panels, available, product};
