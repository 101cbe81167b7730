//! Pictures as numbers, at one size and at ever halved ones.

use crate::generation::backend::Picture;

/// Three numbers a pixel, rows from the top: light and two differences of colour, on axes at right angles to each other, so that
/// distances are those of RGB (Dabov et al. 2007, the opponent space of colour BM3D).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `width × height`.
    pub(super) values: Vec<[f32; 3]>,
}

const LIGHT: f32 = 0.577_350_26;
const RED_BLUE: f32 = std::f32::consts::FRAC_1_SQRT_2;
const GREEN: f32 = 0.408_248_3;

impl Field {
    /// Of a picture.
    pub(super) fn of(picture: &Picture) -> Self {
        let values = picture.rgb.as_chunks::<3>().0.iter().map(|pixel| {
            let [r, g, b] = pixel.map(f32::from);
            [(r + g + b) * LIGHT, (r - b) * RED_BLUE, (r + b - 2.0 * g) * GREEN]
        });
        Self { width: picture.width as usize, height: picture.height as usize, values: values.collect() }
    }

    /// The colour of pixel `at`.
    pub(super) fn rgb(&self, at: usize) -> [u8; 3] {
        let [light, u, v] = self.values[at];
        let rgb =
            [light * LIGHT + u * RED_BLUE + v * GREEN, light * LIGHT - 2.0 * v * GREEN, light * LIGHT - u * RED_BLUE + v * GREEN];
        rgb.map(|x| x.round().clamp(0.0, 255.0) as u8)
    }

    /// Half as large: each pixel the mean of up to four, weighted by `known`, and the known share of the four.
    pub(super) fn half(&self, known: &[f32]) -> (Self, Vec<f32>) {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut values = Vec::with_capacity(width * height);
        let mut shares = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (mut sum, mut weight, mut of) = ([0.0f32; 3], 0.0f32, 0.0f32);
                for (sy, sx) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| (2 * y + dy, 2 * x + dx)) {
                    if sy < self.height && sx < self.width {
                        let at = sy * self.width + sx;
                        let share = known[at];
                        (0..3).for_each(|c| sum[c] += share * self.values[at][c]);
                        weight += share;
                        of += 1.0;
                    }
                }
                values.push(if weight > 0.0 { sum.map(|s| s / weight) } else { [0.0; 3] });
                shares.push(weight / of.max(1.0));
            }
        }
        (Self { width, height, values }, shares)
    }

    /// The value in between the pixels of one half as large, for pixel (x, y) of the full size.
    pub(super) fn doubled_at(&self, x: usize, y: usize) -> [f32; 3] {
        let place = |at: usize, most: usize| {
            let to = ((at as f32 - 0.5) / 2.0).clamp(0.0, most.saturating_sub(1) as f32);
            let low = to as usize;
            (low, (low + 1).min(most.saturating_sub(1)), to - low as f32)
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (place(x, self.width), place(y, self.height));
        let of = |x: usize, y: usize| self.values[y * self.width + x];
        let (a, b, c, d) = (of(x0, y0), of(x1, y0), of(x0, y1), of(x1, y1));
        std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back() {
        let rgb: Vec<u8> = (0..=255u8).flat_map(|v| [v, 255 - v, v.wrapping_mul(37)]).collect();
        let field = Field::of(&Picture { rgb: rgb.clone(), width: 16, height: 16 });
        assert_eq!((0..256).flat_map(|at| field.rgb(at)).collect::<Vec<_>>(), rgb);
    }

    #[test]
    fn halves_are_means_of_what_is_known() {
        let field = Field { width: 3, height: 2, values: [1.0, 3.0, 5.0, 100.0, 5.0, 7.0].map(|v| [v; 3]).to_vec() };
        let (half, known) = field.half(&[1.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!((half.width, half.height, half.values), (2, 1, vec![[3.0; 3], [5.0; 3]]));
        assert_eq!(known, [0.75, 0.5]);
    }

    #[test]
    fn a_slope_doubled_is_a_slope() {
        let field = Field { width: 8, height: 1, values: (0..8).map(|x| [x as f32 * 2.0 + 0.5; 3]).collect() };
        for x in 1..15 {
            assert!((field.doubled_at(x, 0)[0] - x as f32).abs() < 1e-5, "{x}");
        }
        assert_eq!(field.doubled_at(0, 1), [0.5; 3], "the border goes on");
    }
}
