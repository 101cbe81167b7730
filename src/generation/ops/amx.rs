//! Products of bf16 numbers in the tile registers of x86 processors (AMX; Intel Architectures Software Developer's Manual, volume 1,
//! chapter 18): a row of 16×16 sums takes 32 factors at once. Eight to ten times as fast as f32 in vector registers.
//!
//! Rust has no stable names for these instructions, so they stand here as assembler: the one place in this crate, together with the
//! call of `gemm`, that is not checked by the compiler. A test compares every shape of product with plain arithmetic.

use super::product::Matrix;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::vectorised;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod tiles {
    /// Not on this processor.
    pub(in super::super) fn available() -> bool {
        false
    }

    /// Never called.
    pub(in super::super) fn product(_: &mut [f32], _: usize, _: super::Matrix<'_>, _: super::Matrix<'_>, _: bool) {}
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles {
    #![expect(unsafe_code, reason = "tile instructions have no safe form; sizes are checked by `product`")]

    use std::arch::asm;
    use std::cell::RefCell;
    use std::sync::OnceLock;

    use super::{Matrix, vectorised};

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
        found & (1 << 22) != 0 && found & (1 << 24) != 0 && std::arch::is_x86_feature_detected!("avx512f")
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

    /// `sums` (32×32, rows 32 apart) = or += packed a · packed b over `depth` tiles.
    ///
    /// # Safety
    /// `a` and `b` must each hold `depth` pairs of tiles, `sums` 32·32 numbers, and the tiles must be configured.
    unsafe fn block(a: *const u16, b: *const u16, depth: usize, sums: *mut f32) {
        // SAFETY: as the caller promised; every register written is named.
        unsafe {
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
                low = in(reg) sums.add(16 * BLOCK),
                row = in(reg) BLOCK * 4,
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

    /// Sixteen numbers from `at` on.
    #[inline(always)]
    fn lane(numbers: &[f32], at: usize) -> [f32; 16] {
        let mut lane = [0f32; 16];
        lane.copy_from_slice(&numbers[at..at + 16]);
        lane
    }

    /// Rows for columns, one after another.
    #[inline(always)]
    fn turn(square: &[[u32; 16]; 16]) -> [u32; 256] {
        std::array::from_fn(|i| square[i % 16][i / 16])
    }

    thread_local! {
        static SPACE: RefCell<(Vec<u32>, Vec<u32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }

    pub(in super::super) fn product(out: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool) {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        if k == 0 {
            if !add {
                (0..m).for_each(|r| out[r * stride..][..n].fill(0.0));
            }
            return;
        }
        let (high, wide) = (m.div_ceil(BLOCK), n.div_ceil(BLOCK));
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
                vectorised(|| (0..high).for_each(|i| pack_left(&mut left[i * panel..][..panel], a, i * BLOCK, from, run)));
                vectorised(|| (0..wide).for_each(|j| pack_right(&mut right[j * panel..][..panel], b, j * BLOCK, from, run)));
                let keep = add || from > 0;
                for i in 0..high {
                    let rows = BLOCK.min(m - i * BLOCK);
                    for j in 0..wide {
                        let columns = BLOCK.min(n - j * BLOCK);
                        let corner = i * BLOCK * stride + j * BLOCK;
                        if keep {
                            for r in 0..rows {
                                sums[r * BLOCK..][..columns].copy_from_slice(&out[corner + r * stride..][..columns]);
                            }
                        } else {
                            sums.fill(0.0);
                        }
                        // SAFETY: each panel holds `depth` pairs of tiles, `sums` one block, and the tiles are configured.
                        unsafe {
                            block(
                                left[i * panel..][..panel].as_ptr().cast(),
                                right[j * panel..][..panel].as_ptr().cast(),
                                depth,
                                sums.as_mut_ptr(),
                            );
                        }
                        for r in 0..rows {
                            out[corner + r * stride..][..columns].copy_from_slice(&sums[r * BLOCK..][..columns]);
                        }
                    }
                }
            }
            // SAFETY: gives the tile state back.
            unsafe { asm!("tilerelease", options(nostack)) };
        });
    }

    /// Rows `r0..r0+32` of a, inner `from..from+run`: for each 32 inner factors two tiles of 16 rows × 32 factors. Outside is zero.
    #[inline(always)]
    fn pack_left(panel: &mut [u32], a: Matrix<'_>, r0: usize, from: usize, run: usize) {
        let rows = BLOCK.min(a.rows - r0);
        let whole = rows == BLOCK && run.is_multiple_of(DEPTH);
        if !whole {
            panel.fill(0);
        }
        if a.column == 1 {
            for r in 0..rows {
                let line = &a.numbers[(r0 + r) * a.row + from..][..run];
                for (d, factors) in line.chunks(DEPTH).enumerate() {
                    let tile = &mut panel[(d * 2 + r / 16) * 256 + (r % 16) * 16..][..16];
                    if let Ok(factors) = <&[f32; DEPTH]>::try_from(factors) {
                        for (i, element) in tile.iter_mut().enumerate() {
                            *element = pair(factors[2 * i], factors[2 * i + 1]);
                        }
                    } else {
                        for (i, two) in factors.chunks(2).enumerate() {
                            tile[i] = pair(two[0], two.get(1).copied().unwrap_or(0.0));
                        }
                    }
                }
            }
        } else if a.row == 1 && whole {
            for (d, tiles) in panel.chunks_exact_mut(512).enumerate() {
                for (half, tile) in tiles.as_chunks_mut::<256>().0.iter_mut().enumerate() {
                    let line = |k: usize| lane(a.numbers, (from + d * DEPTH + k) * a.column + r0 + half * 16);
                    *tile = turn(&std::array::from_fn(|i| {
                        let (first, second) = (line(2 * i), line(2 * i + 1));
                        std::array::from_fn(|r| pair(first[r], second[r]))
                    }));
                }
            }
        } else {
            for two in (0..run).step_by(2) {
                let odd = two + 1 < run;
                for r in 0..rows {
                    let at = (r0 + r) * a.row + (from + two) * a.column;
                    let second = if odd { a.numbers[at + a.column] } else { 0.0 };
                    panel[(two / DEPTH * 2 + r / 16) * 256 + (r % 16) * 16 + two % DEPTH / 2] = pair(a.numbers[at], second);
                }
            }
        }
    }

    /// Columns `c0..c0+32` of b, inner `from..from+run`: for each 32 inner factors two tiles of 16 pairs × 16 columns. Outside is zero.
    #[inline(always)]
    fn pack_right(panel: &mut [u32], b: Matrix<'_>, c0: usize, from: usize, run: usize) {
        let columns = BLOCK.min(b.columns - c0);
        let whole = columns == BLOCK && run.is_multiple_of(DEPTH);
        if !whole {
            panel.fill(0);
        }
        if b.column == 1 {
            for two in (0..run).step_by(2) {
                let line = |k: usize| &b.numbers[(from + k) * b.row + c0..][..columns];
                let place = two / DEPTH * 512 + two % DEPTH / 2 * 16;
                let first = line(two);
                let second = if two + 1 < run { line(two + 1) } else { &[0f32; BLOCK][..columns] };
                for half in 0..columns.div_ceil(16) {
                    let tile = &mut panel[place + half * 256..][..16];
                    let (first, second) = (&first[half * 16..], &second[half * 16..]);
                    for (element, (x, y)) in tile.iter_mut().zip(first.iter().zip(second)) {
                        *element = pair(*x, *y);
                    }
                }
            }
        } else if b.row == 1 && whole {
            for (d, tiles) in panel.chunks_exact_mut(512).enumerate() {
                for (half, tile) in tiles.as_chunks_mut::<256>().0.iter_mut().enumerate() {
                    *tile = turn(&std::array::from_fn(|c| {
                        let at = (c0 + half * 16 + c) * b.column + from + d * DEPTH;
                        let (first, second) = (lane(b.numbers, at), lane(b.numbers, at + 16));
                        std::array::from_fn(|i| {
                            if i < 8 {
                                pair(first[2 * i], first[2 * i + 1])
                            } else {
                                pair(second[2 * i - 16], second[2 * i - 15])
                            }
                        })
                    }));
                }
            }
        } else {
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

pub(super) use tiles::{available, product};
