//! The tables of the comparison. They belong to the benchmark; ours is the first side.

use std::fmt::Write as _;

use super::Measured;
use super::corpus::Corpus;
use super::side::Side;
use crate::Any;
use crate::load::{Figures, percentile};
use crate::process::peak_mb;

/// What one size of the data showed.
pub(super) struct Sized<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) times: u32,
    pub(super) sides: &'a [Side],
    pub(super) measured: &'a [Measured],
}

impl Sized<'_> {
    /// Writes all of it.
    pub(super) fn write(&self, text: &mut String) -> Any<()> {
        let patients = self.corpus.bundles.len() * self.times as usize;
        let resources = self.measured.first().map_or(0, |it| it.resources);
        writeln!(text, "\n{patients} patients, {resources} resources:\n")?;
        writeln!(
            text,
            "| what | server | per second | p50 ms | p99 ms | server CPU ms each | ours / theirs |"
        )?;
        writeln!(text, "| --- | --- | --- | --- | --- | --- | --- |")?;
        self.import(text)?;
        self.asked(text)?;
        self.exports(text)?;
        self.space(text)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn import(&self, text: &mut String) -> Any<()> {
        let resources = |one: &Measured| {
            let rounds = one.import.times.len() as f64 / self.corpus.bundles.len() as f64;
            self.corpus.resources as f64 * rounds
        };
        let rates: Vec<f64> =
            self.measured.iter().map(|one| resources(one) / one.import.seconds).collect();
        for (at, (side, one)) in self.sides.iter().zip(self.measured).enumerate() {
            let each = one.import.server_ms / resources(one);
            let (p50, p99) = (percentile(&one.import.times, 50), percentile(&one.import.times, 99));
            let (name, rate, ratio) = (side.name, rates[at], ratio(&rates, at));
            writeln!(
                text,
                "| import, resources (times of a bundle) | {name} | {rate:.0} | {p50:.0} | {p99:.0} | {each:.3} | {ratio} |"
            )?;
        }
        Ok(())
    }

    fn asked(&self, text: &mut String) -> Any<()> {
        let Some(first) = self.measured.first() else { return Ok(()) };
        for (row, (name, _)) in first.asked.iter().enumerate() {
            let figures: Vec<&Any<Figures>> =
                self.measured.iter().map(|one| &one.asked[row].1).collect();
            let rate = |one: &&Any<Figures>| one.as_ref().map_or(f64::NAN, Figures::per_second);
            let rates: Vec<f64> = figures.iter().map(rate).collect();
            for (at, (side, one)) in self.sides.iter().zip(&figures).enumerate() {
                let line = match one {
                    Ok(it) => format!(
                        "{:.0} | {:.2} | {:.2} | {:.3} | {}",
                        it.per_second(),
                        it.percentile(50),
                        it.percentile(99),
                        it.server_ms_each(),
                        ratio(&rates, at)
                    ),
                    Err(why) => format!("not answered: {why} | | | |"),
                };
                writeln!(text, "| {name} | {} | {line} |", side.name)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn exports(&self, text: &mut String) -> Any<()> {
        for (side, one) in self.sides.iter().zip(self.measured) {
            let line = match &one.export {
                Ok((seconds, cpu)) => {
                    let resources = one.resources as f64;
                    format!("{:.0} | | | {:.3} |", resources / seconds, cpu / resources)
                }
                Err(why) => format!("not answered: {why} | | | |"),
            };
            writeln!(text, "| $export, resources | {} | {line} |", side.name)?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn space(&self, text: &mut String) -> Any<()> {
        writeln!(
            text,
            "\n| server | resident MB after import | largest MB so far | disk MB | bytes on disk a resource |"
        )?;
        writeln!(text, "| --- | --- | --- | --- | --- |")?;
        for (side, one) in self.sides.iter().zip(self.measured) {
            let (name, resident, disk) = (side.name, one.resident_mb, one.disk_mb);
            let (peak, each) = (peak_mb(side.store_pid()), disk * 1e6 / one.resources as f64);
            writeln!(text, "| {name} | {resident:.0} | {peak:.0} | {disk:.0} | {each:.0} |")?;
        }
        Ok(())
    }
}

fn ratio(rates: &[f64], at: usize) -> String {
    match rates {
        [ours, theirs, ..] if at == 0 => format!("{:.2}", ours / theirs),
        _ => String::new(),
    }
}
