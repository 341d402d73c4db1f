//! The tables of referrers. Each is sorted, because it is searched by halves; a test holds that.

/// Registered domains of search engines.
pub(super) const SEARCH: &[&str] = &[
    "360.cn",
    "alltheweb.com",
    "altavista.com",
    "aol.com",
    "ask.com",
    "baidu.com",
    "bing.com",
    "coccoc.com",
    "daum.net",
    "dogpile.com",
    "duckduckgo.com",
    "ecosia.org",
    "excite.com",
    "kagi.com",
    "lycos.com",
    "marginalia.nu",
    "metager.de",
    "mojeek.com",
    "naver.com",
    "presearch.com",
    "qwant.com",
    "rambler.ru",
    "seznam.cz",
    "so.com",
    "sogou.com",
    "startpage.com",
    "swisscows.com",
    "tineye.com",
    "webcrawler.com",
    "ya.ru",
    "yandex.ru",
];

/// Hosts that are search engines on a domain that is something else.
pub(super) const SEARCH_HOSTS: &[&str] = &["search.brave.com", "suche.t-online.de", "suche.web.de"];

/// Names of search engines that have a domain in many countries.
pub(super) const SEARCH_LABELS: &[&str] = &["google", "yahoo", "yandex"];

/// Registered domains of social networks and messengers.
pub(super) const SOCIAL: &[&str] = &[
    "bsky.app",
    "digg.com",
    "discord.com",
    "discord.gg",
    "discordapp.com",
    "facebook.com",
    "fark.com",
    "fb.com",
    "fb.me",
    "flickr.com",
    "friendfeed.com",
    "instagram.com",
    "kakao.com",
    "line.me",
    "linkedin.com",
    "livejournal.com",
    "lnkd.in",
    "mastodon.online",
    "mastodon.social",
    "messenger.com",
    "mix.com",
    "ok.ru",
    "pin.it",
    "plurk.com",
    "quora.com",
    "redd.it",
    "reddit.com",
    "slashdot.org",
    "snapchat.com",
    "stumbleupon.com",
    "t.co",
    "t.me",
    "telegram.org",
    "threads.com",
    "threads.net",
    "tiktok.com",
    "tumblr.com",
    "twitter.com",
    "vimeo.com",
    "vk.com",
    "vkontakte.ru",
    "wa.me",
    "weibo.com",
    "whatsapp.com",
    "x.com",
    "xing.com",
    "ycombinator.com",
    "youtu.be",
    "youtube.com",
    "zhihu.com",
];

/// Names of social networks that have a domain in many countries.
pub(super) const SOCIAL_LABELS: &[&str] = &["pinterest"];

/// Hosts that are neither, though their domain is in a table above: web mail, documents, translation.
pub(super) const NEITHER: &[&str] = &[
    "docs.google.com",
    "drive.google.com",
    "groups.google.com",
    "mail.aol.com",
    "mail.google.com",
    "mail.yahoo.com",
    "mail.yandex.ru",
    "meet.google.com",
    "news.google.com",
    "sites.google.com",
    "translate.google.com",
];
