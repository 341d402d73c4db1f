//! Words by which machines give themselves away in a user-agent text, beyond the crawlers that the
//! parser knows. All lower case.

/// A text with one of these is a machine.
const WORDS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "slurp",
    "archiver",
    "scrap",
    "fetch",
    "monitor",
    "uptime",
    "pingdom",
    "headless",
    "phantomjs",
    "selenium",
    "puppeteer",
    "playwright",
    "lighthouse",
    "pagespeed",
    "curl/",
    "wget",
    "python",
    "libwww",
    "lwp",
    "perl/",
    "libwww-perl",
    "ruby",
    "java/",
    "jakarta",
    "httpclient",
    "http-client",
    "http_client",
    "axios",
    "node-fetch",
    "go-http",
    "guzzle",
    "php/",
    "postman",
    "insomnia",
    "apachebench",
    "feed",
    "rss",
    "liferea",
    "reeder/",
    "reader",
    "aggregator",
    "validator",
    "facebookexternalhit",
    "whatsapp/",
    "embedly",
    "link preview",
    "proxy/",
    "gptbot",
    "chatgpt",
    "oai-search",
    "claude-",
    "anthropic",
    "perplexity",
    "bytespider",
    "ccbot",
    "ia_archiver",
    "wordpress/",
    "drupal",
    "netcraft",
    "nutch",
    "scanner",
    "nmap",
    "zgrab",
    "masscan",
    "universalfeedparser",
    "winhttp",
    "synapse",
    "mediapartners",
    "google-",
    "digg/",
    "panscient",
    "siteexplorer",
    "check_http",
    "hetrix",
    "statuscake",
    "newrelic",
    "datadog",
];

/// Words that hold one of the above without meaning a machine; taken out before looking.
const INNOCENT: &[&str] = &["cubot", "google-tr", "feedbro", "perlane"];

/// Whether a lower-case text is a machine's. No text at all is one too: every browser sends some.
pub(super) fn names_machine(lower: &str) -> bool {
    let lower = lower.trim();
    if lower.is_empty() || lower == "-" {
        return true;
    }
    // A browser of the last 25 years starts with `mozilla/` or `opera/`; what does not and names no known
    // engine is a program.
    let browser_like = lower.starts_with("mozilla/") || lower.starts_with("opera/");
    if !INNOCENT.iter().any(|word| lower.contains(word)) {
        return WORDS.iter().any(|word| lower.contains(word)) || (!browser_like && bare(lower));
    }
    let mut rest = lower.to_owned();
    for word in INNOCENT {
        rest = rest.replace(word, "");
    }
    WORDS.iter().any(|word| rest.contains(word))
}

/// Whether a text is one bare product, `name/1.0` or `name`, as scripts send it. Apps send more.
fn bare(lower: &str) -> bool {
    !lower.contains('(') && lower.split_ascii_whitespace().count() <= 2
}
