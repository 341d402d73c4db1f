//! What may be asked: the parameters of a question, read once.

use hyper::StatusCode;
use hyper::http::request::Parts;

use crate::form;
use crate::period::Period;
use crate::views::cell::Bots;
use crate::views::query::{Filter, Metric};

#[cfg(test)]
mod tests;

/// Rows of one answer; WordPress asks for up to so many.
pub const LIMIT_MAX: usize = 2_000;
/// Rows when nobody says.
const LIMIT: usize = 10;
/// The last page that is looked at.
const PAGE_MAX: usize = 100_000;
/// Authors, sections or tags of one question (Parse.ly's bound).
const NAMES_MAX: usize = 5;
/// Longer texts are shortened before they are shown in an error.
const SHOWN_CHARS: usize = 60;

/// Why a question was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong and how to put it right.
    pub message: String,
}

impl Refused {
    /// A question that cannot be answered as it is asked.
    pub fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

/// The parameters of a question as they came.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The path and query that were asked, without the secret.
    pub path: String,
    /// The parameters but for `secret` and `page`.
    rest: Vec<(String, String)>,
    /// `apikey`.
    pub site: String,
    /// `secret`, or the header `X-Tidemill-Secret`.
    pub secret: String,
    /// `period_start`.
    pub period_start: Option<String>,
    /// `period_end`.
    pub period_end: Option<String>,
    /// `step` of a series.
    pub step: Option<String>,
    /// `url` of a post.
    pub url: Option<String>,
    sort: Option<String>,
    limit: Option<String>,
    page: Option<String>,
    bots: Option<String>,
    authors: Vec<String>,
    sections: Vec<String>,
    tags: Vec<String>,
    pub_date_start: Option<String>,
    pub_date_end: Option<String>,
}

impl Params {
    /// Reads the parameters of a request. Unknown ones are let be, as Parse.ly does.
    pub fn read(request: &Parts) -> Self {
        let mut params = Self::default();
        request.uri.path().clone_into(&mut params.path);
        for (name, value) in form::pairs(request.uri.query().unwrap_or_default()) {
            let value = form::decode(value).into_owned();
            if !matches!(name, "secret" | "page") {
                params.rest.push((name.to_owned(), value.clone()));
            }
            match name {
                "apikey" => params.site = value,
                "secret" => params.secret = value,
                "period_start" => params.period_start = Some(value),
                "period_end" => params.period_end = Some(value),
                // The old way to say how far back.
                "days" => {
                    params.period_start = params.period_start.or_else(|| Some(format!("{value}d")))
                }
                "step" => params.step = Some(value),
                "url" => params.url = Some(value),
                "sort" => params.sort = Some(value),
                "limit" => params.limit = Some(value),
                "page" => params.page = Some(value),
                "bots" => params.bots = Some(value),
                "author" => params.authors.push(value),
                "section" => params.sections.push(value),
                "tag" => params.tags.push(value),
                "pub_date_start" => params.pub_date_start = Some(value),
                "pub_date_end" => params.pub_date_end = Some(value),
                _ => {}
            }
        }
        if let Some(header) = request.headers.get("x-tidemill-secret")
            && params.secret.is_empty()
        {
            params.secret = String::from_utf8_lossy(header.as_bytes()).into_owned();
        }
        params
    }

    /// The order of the rows.
    ///
    /// # Errors
    /// There is no such metric.
    pub fn sort(&self) -> Result<Metric, Refused> {
        let Some(name) = self.sort.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(Metric::Views);
        };
        Metric::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
            Refused::bad(format!("sort is {:?}: use one of {}", shown(name), known.join(", ")))
        })
    }

    /// Whether machines count.
    ///
    /// # Errors
    /// It is none of the words.
    pub fn bots(&self) -> Result<Bots, Refused> {
        let name = self.bots.as_deref().unwrap_or_default();
        Bots::by_name(name).ok_or_else(|| {
            Refused::bad(format!("bots is {:?}: use exclude, include or only", shown(name)))
        })
    }

    /// How many rows are shown.
    ///
    /// # Errors
    /// It is no number in range.
    pub fn limit(&self) -> Result<usize, Refused> {
        number("limit", self.limit.as_deref(), LIMIT, LIMIT_MAX)
    }

    /// The page, from one.
    ///
    /// # Errors
    /// It is no number in range.
    pub fn page(&self) -> Result<usize, Refused> {
        number("page", self.page.as_deref(), 1, PAGE_MAX)
    }

    /// How many rows are left out before the page.
    ///
    /// # Errors
    /// Page or limit are wrong.
    pub fn skip(&self) -> Result<usize, Refused> {
        Ok((self.page()? - 1) * self.limit()?)
    }

    /// The post that `url` names, if it is there.
    ///
    /// # Errors
    /// It is no address.
    pub fn post(&self) -> Result<Option<String>, Refused> {
        let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        match crate::clean::post_of(url) {
            Some(post) => Ok(Some(post)),
            None => Err(Refused::bad(format!(
                "url is {:?}: write the post's http(s) address",
                shown(url)
            ))),
        }
    }

    /// Which posts are looked at.
    ///
    /// # Errors
    /// A date is wrong, or there are more names than one question may have.
    pub fn filter(&self, now_ms: i64) -> Result<Filter, Refused> {
        for (field, names) in
            [("author", &self.authors), ("section", &self.sections), ("tag", &self.tags)]
        {
            if names.len() > NAMES_MAX {
                return Err(Refused::bad(format!(
                    "{field}: more than {NAMES_MAX}; ask in several questions"
                )));
            }
        }
        let date = |start: Option<&str>, end: Option<&str>| {
            Period::parse(start, end, now_ms)
                .map_err(|error| Refused::bad(error.to_string().replace("period_", "pub_date_")))
        };
        let from = self.pub_date_start.as_deref();
        let until = self.pub_date_end.as_deref();
        let far = Some("1970-01-01");
        Ok(Filter {
            authors: self.authors.clone(),
            sections: self.sections.clone(),
            tags: self.tags.clone(),
            published_from_ms: from
                .map(|_| date(from, Some("9999-12-30")))
                .transpose()?
                .map(|p| p.start_ms),
            published_until_ms: until.map(|_| date(far, until)).transpose()?.map(|p| p.end_ms),
        })
    }

    /// The same question for another page, without its secret.
    pub(super) fn link(&self, page: usize) -> String {
        let mut query = String::new();
        for (name, value) in &self.rest {
            let mut key = String::new();
            form::encode(&mut key, name);
            form::push(&mut query, &key, value);
        }
        form::push(&mut query, "page", &page.to_string());
        format!("{}?{query}", self.path)
    }
}

fn number(field: &str, text: Option<&str>, default: usize, most: usize) -> Result<usize, Refused> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(default) };
    match text.parse::<usize>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(Refused::bad(format!(
            "{field} is {:?}: write a number from 1 to {most}",
            shown(text)
        ))),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
