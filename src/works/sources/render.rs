//! SVG → pixels, by resvg: the drawing fitted into a square on white, no fonts, no files, no network. The same bytes give the same pixels.

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::Skip;

/// Share of a square left free around a drawing.
const MARGIN: f32 = 0.04;
/// Rendered larger by this factor, then averaged: resvg's edges alone are rough at small sizes.
const OVER: u32 = 2;
/// A drawing this much longer than high, or higher than long, is mostly margin.
const LONGEST: f32 = 3.0;

/// Renders into `side`×`side` pixels, three bytes each, rows from the top.
pub fn render(svg: &str, side: u32) -> Result<Vec<u8>, Skip> {
    drawn(svg, side, LONGEST)
}

fn drawn(svg: &str, side: u32, longest: f32) -> Result<Vec<u8>, Skip> {
    let mut options = Options::default();
    // INVARIANT: a drawing is rendered from its own bytes. Left as it is, the library opens what an `href` names on this machine.
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    let tree = Tree::from_str(svg, &options).map_err(|_| Skip::Unreadable)?;
    // What is drawn, not what the page says: many files are a small picture on a large sheet.
    let drawn = tree.root().abs_stroke_bounding_box();
    let (width, height) = (drawn.width(), drawn.height());
    if !(width.is_finite() && height.is_finite() && width > 0.0 && height > 0.0) {
        return Err(Skip::Unreadable);
    }
    if width / height >= longest || height / width >= longest {
        return Err(Skip::Shape);
    }
    let large = side * OVER;
    let scale = large as f32 * (1.0 - 2.0 * MARGIN) / width.max(height);
    let centre = large as f32 / 2.0;
    let place = Transform::from_translate(-(drawn.x() + width / 2.0), -(drawn.y() + height / 2.0))
        .post_scale(scale, scale)
        .post_translate(centre, centre);
    let mut pixels = Pixmap::new(large, large).ok_or(Skip::Unreadable)?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, place, &mut pixels.as_mut());
    let rgba = pixels.data();
    let (large, side) = (large as usize, side as usize);
    let over = OVER as usize;
    let mut rgb = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            for channel in 0..3 {
                let at = |dy: usize, dx: usize| u32::from(rgba[((y * over + dy) * large + x * over + dx) * 4 + channel]);
                let sum: u32 = (0..over * over).map(|i| at(i / over, i % over)).sum();
                rgb.push(((sum + OVER * OVER / 2) / (OVER * OVER)) as u8);
            }
        }
    }
    Ok(rgb)
}

/// Largest drawing that is rendered into anything, in bytes of SVG.
const SVG_BYTES: usize = 4 << 20;

/// Renders any drawing into `side`×`side` pixels, whatever its shape; one that breaks the renderer can't be rendered.
pub fn render_into(svg: &str, side: u32) -> Result<Vec<u8>, Skip> {
    if svg.len() > SVG_BYTES {
        return Err(Skip::Large);
    }
    std::panic::catch_unwind(|| drawn(svg, side, f32::INFINITY)).unwrap_or(Err(Skip::Unreadable))
}

/// The colour of a pixel in words; `None` for white paper.
fn word([r, g, b]: [u8; 3]) -> Option<&'static str> {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let span = most - least;
    if least > 245 {
        return None;
    }
    if span * 5 < most || span < 24 {
        return Some(match most {
            0..70 => "black",
            70..205 => "grey",
            _ => "white",
        });
    }
    let hue = if most == r {
        60.0 * f64::from(g - b) / f64::from(span)
    } else if most == g {
        120.0 + 60.0 * f64::from(b - r) / f64::from(span)
    } else {
        240.0 + 60.0 * f64::from(r - g) / f64::from(span)
    };
    let hue = hue.rem_euclid(360.0);
    Some(match hue as u32 {
        0..16 | 345.. if most > 200 && span * 2 < most => "pink",
        10..45 if most < 170 => "brown",
        0..16 | 345.. => "red",
        16..42 => "orange",
        42..68 => "yellow",
        68..165 => "green",
        165..262 => "blue",
        262..300 => "purple",
        _ => "pink",
    })
}

/// The colour word that fits at least 38 % of what is not paper.
pub fn main_colour(rgb: &[u8]) -> Option<&'static str> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    let mut drawn = 0;
    for name in rgb.as_chunks::<3>().0.iter().filter_map(|pixel| word(*pixel)) {
        *counts.entry(name).or_default() += 1;
        drawn += 1;
    }
    let (name, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count * 100 >= drawn * 38).then_some(name)
}

/// Whether over 97 % of what is not paper is black, white or grey.
pub fn is_line_art(rgb: &[u8]) -> bool {
    let (mut grey, mut drawn) = (0usize, 0usize);
    for name in rgb.as_chunks::<3>().0.iter().filter_map(|pixel| word(*pixel)) {
        drawn += 1;
        grey += usize::from(matches!(name, "black" | "white" | "grey"));
    }
    grey * 100 > drawn * 97
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_fills_its_square_and_keeps_its_colours() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="500" height="300"><rect x="200" y="100" width="50" height="50" fill="#ff0000"/></svg>"##;
        let rgb = render(svg, 64).unwrap();
        assert_eq!(rgb.len(), 64 * 64 * 3);
        assert_eq!(rgb[..3], [255, 255, 255], "a margin of paper");
        assert_eq!(rgb[(32 * 64 + 32) * 3..][..3], [255, 0, 0]);
        assert_eq!(rgb, render(svg, 64).unwrap());
        assert_eq!((main_colour(&rgb), is_line_art(&rgb)), (Some("red"), false));
    }

    #[test]
    fn what_cannot_be_drawn_says_why() {
        let rect = |w: u32, h: u32| format!(r#"<svg xmlns="http://www.w3.org/2000/svg"><rect width="{w}" height="{h}"/></svg>"#);
        assert_eq!(render(&rect(300, 50), 32), Err(Skip::Shape));
        assert_eq!(render(&rect(50, 300), 32), Err(Skip::Shape));
        assert_eq!(render("<svg", 32), Err(Skip::Unreadable));
        assert_eq!(render(r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#, 32), Err(Skip::Unreadable));
        assert!(is_line_art(&render(&rect(50, 50), 32).unwrap()));
    }

    #[test]
    fn colours_have_names() {
        for (pixel, name) in [
            ([255, 0, 0], Some("red")),
            ([255, 140, 0], Some("orange")),
            ([255, 220, 0], Some("yellow")),
            ([30, 160, 60], Some("green")),
            ([40, 90, 220], Some("blue")),
            ([130, 40, 200], Some("purple")),
            ([255, 150, 190], Some("pink")),
            ([120, 70, 30], Some("brown")),
            ([20, 20, 20], Some("black")),
            ([128, 128, 128], Some("grey")),
            ([230, 230, 232], Some("white")),
            ([255, 255, 255], None),
        ] {
            assert_eq!(word(pixel), name, "{pixel:?}");
        }
    }
}
