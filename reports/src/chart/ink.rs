//! The colours of the charts: by name, so that a page can give each another shade in the dark.
//!
//! The hues are those of Okabe and Ito, "Color Universal Design" (2008), told apart with every common colour vision.

use std::fmt::Write;

use plotters::style::RGBColor;

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Paper,
    Text,
    Muted,
    Grid,
    Green,
    Vermilion,
    Orange,
    Sky,
    Blue,
    Purple,
}

/// All of them, each with its name, its shade on white and its shade on black.
const SHADES: [(Ink, &str, u32, u32); 10] = [
    (Ink::Paper, "paper", 0xff_ff_ff, 0x16_1b_22),
    (Ink::Text, "text", 0x1b_1f_24, 0xe6_ed_f3),
    (Ink::Muted, "muted", 0x57_60_6a, 0x9d_a7_b3),
    (Ink::Grid, "grid", 0xd8_de_e4, 0x37_3e_47),
    (Ink::Green, "green", 0x00_9e_73, 0x2c_c7_9a),
    (Ink::Vermilion, "vermilion", 0xd5_5e_00, 0xff_7b_2e),
    (Ink::Orange, "orange", 0xe6_9f_00, 0xf2_b5_3a),
    (Ink::Sky, "sky", 0x56_b4_e9, 0x6c_c4_f5),
    (Ink::Blue, "blue", 0x00_72_b2, 0x4c_a8_e0),
    (Ink::Purple, "purple", 0xcc_79_a7, 0xdf_93_bd),
];

impl Ink {
    pub(super) fn name(self) -> &'static str {
        self.shade().1
    }

    /// The shade on white.
    pub(super) fn rgb(self) -> (u8, u8, u8) {
        let [_, red, green, blue] = self.shade().2.to_be_bytes();
        (red, green, blue)
    }

    pub(super) fn colour(self) -> RGBColor {
        let (red, green, blue) = self.rgb();
        RGBColor(red, green, blue)
    }

    /// The ink of a shade on white.
    pub(super) fn of(rgb: (u8, u8, u8)) -> Ink {
        SHADES.iter().map(|(ink, ..)| *ink).find(|ink| ink.rgb() == rgb).unwrap_or(Ink::Text)
    }

    fn shade(self) -> (Ink, &'static str, u32, u32) {
        let [first, ..] = SHADES;
        SHADES.into_iter().find(|(ink, ..)| *ink == self).unwrap_or(first)
    }
}

/// The style sheet that a page needs so that its charts follow the reader's choice of light or dark. Without it, they are
/// as on white paper.
#[must_use]
pub fn style_sheet() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    let mut rules = String::new();
    for (_, name, on_white, on_black) in SHADES {
        let _ = write!(light, "--chart-{name}:#{on_white:06x};");
        let _ = write!(dark, "--chart-{name}:#{on_black:06x};");
        let _ = writeln!(rules, ".chart .fill-{name}{{fill:var(--chart-{name})}}");
        let _ = writeln!(rules, ".chart .line-{name}{{stroke:var(--chart-{name})}}");
    }
    format!(
        ".chart{{{light}max-width:100%;height:auto}}\n\
         @media screen and (prefers-color-scheme:dark){{.chart{{{dark}}}}}\n{rules}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_found_again_by_its_shade() {
        for (ink, ..) in SHADES {
            assert_eq!(Ink::of(ink.rgb()), ink);
        }
    }
}
