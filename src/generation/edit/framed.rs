//! Planes with a frame, so that loops over neighbours need no special cases, and their blur.

/// A plane with a frame of one pixel around it.
#[derive(Clone)]
pub(super) struct Framed {
    /// Rows from the top, the frame included.
    pub data: Vec<f32>,
    stride: usize,
}

impl Framed {
    /// Nothing everywhere.
    pub fn new(width: usize, height: usize) -> Self {
        Self { data: vec![0.0; (width + 2) * (height + 2)], stride: width + 2 }
    }

    /// Pixels across, without the frame.
    pub fn width(&self) -> usize {
        self.stride - 2
    }

    /// Pixels down, without the frame.
    pub fn height(&self) -> usize {
        self.data.len() / self.stride - 2
    }

    /// From pixel `x - 1` of row `y - 1` on, so that (0, 0) is the frame's corner.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.stride..][..self.stride]
    }

    /// A row without the frame, to be written.
    pub fn inner_mut(&mut self, y: usize) -> &mut [f32] {
        let width = self.width();
        &mut self.data[(y + 1) * self.stride + 1..][..width]
    }

    /// A row without the frame.
    pub fn inner(&self, y: usize) -> &[f32] {
        &self.data[(y + 1) * self.stride + 1..][..self.width()]
    }

    /// Fills the frame with its nearest pixels.
    pub fn frame(&mut self) {
        let (stride, height) = (self.stride, self.height());
        for y in 1..=height {
            let row = &mut self.data[y * stride..][..stride];
            row[0] = row[1];
            row[stride - 1] = row[stride - 2];
        }
        self.data.copy_within(stride..2 * stride, 0);
        self.data.copy_within(height * stride..(height + 1) * stride, (height + 1) * stride);
    }

    /// Fills the frame, and the last row or column where asked, with nothing.
    pub fn clear_frame(&mut self, last_column: bool, last_row: bool) {
        let (stride, height) = (self.stride, self.height());
        for y in 0..height + 2 {
            let row = &mut self.data[y * stride..][..stride];
            row[0] = 0.0;
            row[stride - 1] = 0.0;
            if last_column {
                row[stride - 2] = 0.0;
            }
        }
        self.data[..stride].fill(0.0);
        self.data[(height + 1) * stride..].fill(0.0);
        if last_row {
            self.data[height * stride..][..stride].fill(0.0);
        }
    }
}

/// A Gaussian blur, the ends repeated.
pub(super) fn blur(plane: &mut [f32], width: usize, height: usize, sigma: f32) {
    let radius = (3.0 * sigma).ceil() as usize;
    let mut weights: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    weights.iter_mut().for_each(|w| *w /= sum);
    let mut line = vec![0.0f32; width.max(height)];
    for (count, step, lines, next) in [(width, 1, height, width), (height, width, width, 1)] {
        for start in 0..lines {
            for (i, value) in line[..count].iter_mut().enumerate() {
                *value = plane[start * next + i * step];
            }
            for i in 0..count {
                let mut value = weights[0] * line[i];
                for (d, weight) in weights.iter().enumerate().skip(1) {
                    value += weight * (line[i.saturating_sub(d)] + line[(i + d).min(count - 1)]);
                }
                plane[start * next + i * step] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_repeats_or_is_empty() {
        let mut plane = Framed::new(2, 1);
        plane.inner_mut(0).copy_from_slice(&[3.0, 5.0]);
        plane.frame();
        assert!((0..3).all(|y| plane.row(y) == [3.0, 3.0, 5.0, 5.0]));
        plane.clear_frame(true, false);
        assert_eq!((plane.row(0), plane.row(1)), (&[0.0; 4][..], &[0.0, 3.0, 0.0, 0.0][..]));
        assert_eq!((plane.width(), plane.height(), plane.inner(0)), (2, 1, &[3.0, 0.0][..]));
    }

    #[test]
    fn a_blur_keeps_the_sum_and_one_colour() {
        let mut point = vec![0.0; 21 * 21];
        point[10 * 21 + 10] = 1.0;
        blur(&mut point, 21, 21, 1.5);
        assert!(
            (point.iter().sum::<f32>() - 1.0).abs() < 1e-3 && point[220] > point[221] && (point[221] - point[219]).abs() < 1e-6
        );
        let mut even = vec![0.7; 12];
        blur(&mut even, 4, 3, 2.4);
        assert!(even.iter().all(|x| (x - 0.7).abs() < 1e-5));
    }
}
