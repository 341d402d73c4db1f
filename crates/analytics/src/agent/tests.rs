//! Tests of telling people from machines.

use proptest::prelude::*;

use super::*;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

fn look(text: &str) -> Arc<Agent> {
    Agents::default().look_up(text)
}

#[test]
fn knows_people_and_their_devices() {
    let cases = [
        (CHROME, Device::Desktop),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            Device::Mobile,
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
            Device::Mobile,
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            Device::Tablet,
        ),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT_NOTE) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0 Mobile Safari/537.36",
            Device::Mobile,
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            Device::Desktop,
        ),
    ];
    for (text, device) in cases {
        let agent = look(text);
        assert!(!agent.bot, "{text}");
        assert_eq!(agent.device, device, "{text}");
    }
    let agent = look(CHROME);
    assert_eq!((agent.browser.as_str(), agent.os.as_str()), ("Chrome", "Windows 10"));
    assert_eq!(agent.browser_version, "126.0.0.0");
}

#[test]
fn knows_machines() {
    for text in [
        "",
        "-",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "Wget/1.13.4 (linux-gnu)",
        "python-requests/2.31.0",
        "Go-http-client/1.1",
        "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
        "Tiny Tiny RSS/1.11 (http://tt-rss.org/)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "msnbot/2.0b (+http://search.msn.com/msnbot.htm)",
        "SomeTool/1.0",
    ] {
        assert!(look(text).bot, "{text}");
    }
}

#[test]
fn the_cache_answers_the_same_and_stays_bounded() {
    let mut agents = Agents::default();
    let first = agents.look_up(CHROME);
    assert!(Arc::ptr_eq(&first, &agents.look_up(CHROME)));
    for number in 0..CACHE_TEXTS_MAX + 10 {
        agents.look_up(&format!("Mozilla/5.0 ({number})"));
    }
    assert!(agents.known.len() <= CACHE_TEXTS_MAX);
    assert_eq!(*agents.look_up(CHROME), *first);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,700}") {
        let _ = look(&text);
    }
}
