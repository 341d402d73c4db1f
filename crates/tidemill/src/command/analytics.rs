//! `tidemill analytics posts|authors|sections|referrers`: the rankings of a running `up`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::connection::Where;
use crate::error::CliError;
use crate::output;

/// Arguments of `analytics`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to rank
    what: What,
    /// Site to ask about
    #[arg(long)]
    site: String,
    /// Begin of the period: 4h, 15m, 7d ago, or a date as 2026-11-24 or 2026-11-24T08:00
    #[arg(long, value_name = "T")]
    period_start: Option<String>,
    /// End of the period, in the same form; now if not given
    #[arg(long, value_name = "T")]
    period_end: Option<String>,
    /// Metric to rank by: views, visitors, engaged_minutes, avg_engaged, social_referrals, …
    #[arg(long, default_value = "views")]
    sort: String,
    /// How many
    #[arg(long, default_value_t = 10)]
    limit: u32,
    /// Page of so many, from 1
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// Robots: left out unless told to include them or to show only them
    #[arg(long)]
    bots: Option<Bots>,
    /// Secret of the site, where it has one
    #[arg(long, env = "TIDEMILL_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The answer as it came, in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    Posts,
    Authors,
    Sections,
    Referrers,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bots {
    Include,
    Only,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let what = name(&arguments.what);
    let answer = arguments.place.get(&format!("/v2/analytics/{what}"), &query(arguments))?;
    if arguments.json {
        return output::line(&answer.to_string());
    }
    let rows: Vec<Vec<String>> = answer["data"].as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        eprintln!("nothing in this period; try a longer one with --period-start 7d");
    }
    output::table(&["views", "visitors", "engaged min", &what], &rows)
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn query(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let mut query = vec![
        ("apikey", arguments.site.clone()),
        ("sort", arguments.sort.clone()),
        ("limit", arguments.limit.to_string()),
        ("page", arguments.page.to_string()),
    ];
    let optional = [
        ("period_start", arguments.period_start.clone()),
        ("period_end", arguments.period_end.clone()),
        ("secret", arguments.secret.clone()),
        ("bots", arguments.bots.as_ref().map(name)),
    ];
    query.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    query
}

fn row(entry: &Value) -> Vec<String> {
    let metric = |name: &str| match &entry["metrics"][name] {
        Value::Number(number) if number.is_f64() => {
            format!("{:.1}", number.as_f64().unwrap_or(0.0))
        }
        Value::Number(number) => number.to_string(),
        _ => "0".to_owned(),
    };
    let names = ["url", "name", "author", "section", "referrer"];
    let label = names.iter().find_map(|name| entry[*name].as_str()).unwrap_or("");
    vec![metric("views"), metric("visitors"), metric("engaged_minutes"), label.to_owned()]
}
