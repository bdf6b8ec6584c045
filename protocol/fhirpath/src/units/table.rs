//! The atoms of UCUM that are known here. It belongs to `units`. Factors are exact, by the
//! definitions of UCUM 2.1; amounts of substance, arbitrary, equivalent and enzyme units stand
//! for themselves: moles never compare with grams, and no factor is rounded.

/// What everything is measured in.
pub(super) const BASES: [&str; 11] =
    ["m", "g", "s", "K", "cd", "C", "rad", "mol", "[iU]", "eq", "U"];

/// A unit that is no product of others.
pub(super) struct Atom {
    pub(super) code: &'static str,
    pub(super) metric: bool,
    pub(super) mantissa: &'static str,
    pub(super) power: i32,
    pub(super) of: &'static [(&'static str, i8)],
}

/// Prefixes of metric units and their powers of ten.
pub(super) const PREFIXES: [(&str, i32); 20] = [
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("da", 1),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

const fn metric(
    code: &'static str,
    mantissa: &'static str,
    power: i32,
    of: &'static [(&'static str, i8)],
) -> Atom {
    Atom { code, metric: true, mantissa, power, of }
}

const fn plain(
    code: &'static str,
    mantissa: &'static str,
    power: i32,
    of: &'static [(&'static str, i8)],
) -> Atom {
    Atom { code, metric: false, mantissa, power, of }
}

const ENERGY: &[(&str, i8)] = &[("m", 2), ("g", 1), ("s", -2)];
const PRESSURE: &[(&str, i8)] = &[("m", -1), ("g", 1), ("s", -2)];

/// The atoms, the commonest first.
pub(super) const ATOMS: &[Atom] = &[
    metric("g", "1", 0, &[("g", 1)]),
    metric("L", "1", -3, &[("m", 3)]),
    metric("l", "1", -3, &[("m", 3)]),
    metric("m", "1", 0, &[("m", 1)]),
    metric("mol", "1", 0, &[("mol", 1)]),
    metric("m[Hg]", "133322", 3, PRESSURE),
    plain("%", "1", -2, &[]),
    plain("min", "60", 0, &[("s", 1)]),
    metric("s", "1", 0, &[("s", 1)]),
    plain("h", "3600", 0, &[("s", 1)]),
    plain("d", "86400", 0, &[("s", 1)]),
    plain("wk", "604800", 0, &[("s", 1)]),
    plain("mo", "2629800", 0, &[("s", 1)]),
    plain("a", "31557600", 0, &[("s", 1)]),
    metric("[iU]", "1", 0, &[("[iU]", 1)]),
    metric("[IU]", "1", 0, &[("[iU]", 1)]),
    metric("eq", "1", 0, &[("eq", 1)]),
    metric("U", "1", 0, &[("U", 1)]),
    metric("kat", "1", 0, &[("mol", 1), ("s", -1)]),
    metric("K", "1", 0, &[("K", 1)]),
    metric("cd", "1", 0, &[("cd", 1)]),
    metric("C", "1", 0, &[("C", 1)]),
    metric("A", "1", 0, &[("C", 1), ("s", -1)]),
    metric("rad", "1", 0, &[("rad", 1)]),
    metric("Hz", "1", 0, &[("s", -1)]),
    metric("N", "1", 3, &[("m", 1), ("g", 1), ("s", -2)]),
    metric("J", "1", 3, ENERGY),
    metric("W", "1", 3, &[("m", 2), ("g", 1), ("s", -3)]),
    metric("V", "1", 3, &[("m", 2), ("g", 1), ("s", -2), ("C", -1)]),
    metric("Pa", "1", 3, PRESSURE),
    metric("bar", "1", 8, PRESSURE),
    metric("m[H2O]", "980665", 1, PRESSURE),
    metric("cal", "4184", 0, ENERGY),
    plain("[Cal]", "4184", 3, ENERGY),
    metric("Bq", "1", 0, &[("s", -1)]),
    metric("Gy", "1", 0, &[("m", 2), ("s", -2)]),
    metric("Sv", "1", 0, &[("m", 2), ("s", -2)]),
    metric("t", "1", 6, &[("g", 1)]),
    plain("[in_i]", "254", -4, &[("m", 1)]),
    plain("[ft_i]", "3048", -4, &[("m", 1)]),
    plain("[yd_i]", "9144", -4, &[("m", 1)]),
    plain("[mi_i]", "1609344", -3, &[("m", 1)]),
    plain("[lb_av]", "45359237", -5, &[("g", 1)]),
    plain("[oz_av]", "28349523125", -9, &[("g", 1)]),
    plain("[gr]", "6479891", -8, &[("g", 1)]),
    plain("[gal_us]", "3785411784", -12, &[("m", 3)]),
    plain("[foz_us]", "295735295625", -16, &[("m", 3)]),
    plain("[ppm]", "1", -6, &[]),
    plain("[ppb]", "1", -9, &[]),
];
