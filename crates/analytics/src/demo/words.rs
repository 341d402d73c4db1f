//! What names, titles and readers of the demo are made of. No person, place or firm here is meant to be real, but for the
//! hosts that readers come from.

/// Sections and how many of a hundred posts are in each.
pub(super) const SECTIONS: [(&str, u64); 7] = [
    ("News", 28),
    ("Politics", 16),
    ("Business", 14),
    ("Science", 12),
    ("Culture", 12),
    ("Sports", 12),
    ("Opinion", 6),
];

/// Authors and the section that each writes for most.
pub(super) const AUTHORS: [(&str, &str); 14] = [
    ("Maren Okafor", "News"),
    ("Tomas Lindqvist", "News"),
    ("Priya Raman", "News"),
    ("Helena Brandt", "Politics"),
    ("Daniel Achterberg", "Politics"),
    ("Yusuf Demir", "Business"),
    ("Clara Fontaine", "Business"),
    ("Ines Caldeira", "Science"),
    ("Noah Whitfield", "Science"),
    ("Lucia Moretti", "Culture"),
    ("Akira Tanabe", "Culture"),
    ("Sofia Nilsen", "Sports"),
    ("Marcus Webb", "Sports"),
    ("Ruth Adeyemi", "Opinion"),
];

/// Who or what a title is about, by section in the order of [`SECTIONS`].
pub(super) const SUBJECTS: [&[&str]; 7] = [
    &[
        "Harbour bridge",
        "City library",
        "Night ferry",
        "Old town market",
        "Lighthouse quarter",
        "Storm barrier",
    ],
    &[
        "Coastal council",
        "Budget vote",
        "Housing bill",
        "Port reform",
        "Coalition pact",
        "Ballot recount",
    ],
    &[
        "Tidal power",
        "Fishing fleet",
        "Container terminal",
        "Ferry operator",
        "Salt maker",
        "Shipyard",
    ],
    &[
        "Kelp forest",
        "Deep-sea probe",
        "Spring tide",
        "Arctic tern",
        "Seabed map",
        "Plankton bloom",
    ],
    &[
        "Harbour festival",
        "Film archive",
        "Shanty choir",
        "Museum wing",
        "Radio play",
        "Poster show",
    ],
    &["Regatta", "Harbour marathon", "Rowing eight", "City derby", "Swim league", "Cup final"],
    &[
        "The slow ferry",
        "The working harbour",
        "The quiet street",
        "The public bench",
        "The morning paper",
        "The long queue",
    ],
];

/// What becomes of it.
pub(super) const STORIES: [&str; 18] = [
    "opens after two years of work",
    "faces a deadline nobody expected",
    "draws a record crowd",
    "is delayed again, and here is why",
    "gets a second chance",
    "splits the town in two",
    "explained in five charts",
    "what the numbers say",
    "the people behind it",
    "divides the harbour front",
    "loses its largest backer",
    "goes quiet before the vote",
    "a day in pictures",
    "what happens next",
    "costs twice what was promised",
    "turns to volunteers",
    "makes a surprising comeback",
    "is tested by the first autumn storm",
];

/// Tags.
pub(super) const TAGS: [&str; 10] = [
    "harbour",
    "weather",
    "transport",
    "housing",
    "energy",
    "sea",
    "analysis",
    "live",
    "interview",
    "weekend",
];

/// Where readers come from besides the site itself, and how many of a thousand views each brings. The
/// empty one is nowhere: typed, bookmarked, or an app that does not say.
pub(super) const REFERRERS: [(&str, u64); 20] = [
    ("", 250),
    ("https://www.google.com/", 300),
    ("https://www.google.co.uk/", 40),
    ("https://www.bing.com/", 22),
    ("https://duckduckgo.com/", 20),
    ("https://www.ecosia.org/", 6),
    ("https://search.yahoo.com/", 6),
    ("https://www.facebook.com/", 70),
    ("https://l.facebook.com/", 40),
    ("https://m.facebook.com/", 30),
    ("https://t.co/", 60),
    ("https://www.reddit.com/", 44),
    ("https://www.linkedin.com/", 20),
    ("https://www.pinterest.com/", 8),
    ("https://l.instagram.com/", 20),
    ("https://bsky.app/", 14),
    ("https://news.ycombinator.com/", 10),
    ("https://flipboard.com/", 14),
    ("https://news.google.com/", 18),
    ("https://www.wikipedia.org/", 8),
];

/// Referrers of a post that is passed around.
pub(super) const BURST_REFERRERS: [(&str, u64); 6] = [
    ("https://t.co/", 340),
    ("https://www.facebook.com/", 180),
    ("https://l.facebook.com/", 140),
    ("https://www.reddit.com/", 200),
    ("https://news.ycombinator.com/", 80),
    ("", 60),
];

/// Browsers of people, and how many of a hundred have each.
pub(super) const BROWSERS: [(&str, u64); 9] = [
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        28,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        20,
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
        8,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        20,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
        5,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        9,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", 3),
    (
        "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        5,
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        2,
    ),
];

/// Machines.
pub(super) const MACHINES: [(&str, u64); 4] = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 45),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 25),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        20,
    ),
    ("python-requests/2.31.0", 10),
];
