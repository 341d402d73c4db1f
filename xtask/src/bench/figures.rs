//! Figures over several runs: the median and the spread, a line each.

use serde_json::json;

/// Runs of each benchmark.
pub(crate) const RUNS: usize = 5;

/// One figure over its runs.
#[derive(Debug)]
struct Figure {
    name: String,
    unit: String,
    values: Vec<f64>,
}

/// Figures in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    figures: Vec<Figure>,
}

impl Figures {
    /// Adds the value of one run.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &str) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => {
                let (name, unit) = (name.to_owned(), unit.to_owned());
                self.figures.push(Figure { name, unit, values: vec![value] });
            }
        }
    }

    /// Prints every figure.
    pub(crate) fn report(&self, bench: &str, machine: &str, as_json: bool) {
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0).max(44);
        for Figure { name, unit, values } in &self.figures {
            let mut values = values.clone();
            values.sort_by(f64::total_cmp);
            let (low, high) = (values[0], values[values.len() - 1]);
            let median = values[values.len() / 2];
            if as_json {
                let line = json!({"bench": bench, "name": name, "median": median, "min": low, "max": high,
                    "runs": values.len(), "unit": unit, "machine": machine});
                println!("{line}");
            } else {
                let (median, low, high) = (short(median), short(low), short(high));
                println!("{bench:<7} {name:<width$} {median:>12} {unit:<9} ({low} … {high})");
            }
        }
    }
}

/// Three digits that matter.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The machine in a line: cores and processor.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores, {model}")
}
