//! The whole of the analytics over HTTP, on a real log in a folder of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod common;

use common::{House, PERSON};
use serde_json::{Value, json};
use std::io::Write;

fn page(post: &str) -> String {
    format!(
        "/plogger/?rand=1&idsite=news&url=https%3A%2F%2Fexample.com%2F{post}&urlref=&action=pageview"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pixel_is_answered_with_the_picture_and_shows_in_the_api() {
    let house = House::start("pixel").await;
    for post in ["a", "a/?utm_source=x", "b"] {
        let answer = house.get(&page(&post.replace('?', "%3F").replace('=', "%3D")), &[]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 43));
        assert_eq!(answer.header("content-type"), "image/gif");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert!(answer.body.starts_with(b"GIF89a"));
    }
    house.caught_up().await;
    let answer = house.get("/v2/analytics/posts?apikey=news&period_start=4h", &[]).await.json();
    assert_eq!(answer["success"], true);
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(data[0]["url"], "https://example.com/a");
    assert_eq!(data[0]["metrics"]["views"], 2);
    assert_eq!(data[0]["metrics"]["visitors"], 1);
    assert_eq!(data[0]["metrics"]["direct_referrals"], 2);
    let hits = house.records("hits");
    assert_eq!(hits.len(), 3);
    let stored = String::from_utf8(hits[0].clone()).unwrap();
    assert!(stored.contains("net 127.0.0.0/24") && !stored.contains("127.0.0.1"), "{stored}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_pixels_are_refused_with_field_fix_and_reason() {
    let house = House::start("bad-pixels").await;
    let long = "x".repeat(2_100);
    let huge = "x".repeat(9_000);
    for (path, status, part, reason) in [
        ("/plogger/", 400, "idsite: missing", "missing-field"),
        ("/plogger/?idsite=s", 400, "url: missing", "missing-field"),
        ("/plogger/?url=https://e.org/", 400, "idsite: missing", "missing-field"),
        ("/plogger?idsite=a%2Fb&url=https://e.org/", 400, "idsite: use letters", "invalid-field"),
        ("/plogger/?idsite=s&url=/relative", 400, "absolute", "invalid-field"),
        ("/plogger/?idsite=s&url=javascript:alert(1)", 400, "absolute", "invalid-field"),
        (&format!("/plogger/?idsite=s&url=https://e.org/{long}"), 400, "2048", "too-long"),
        (&format!("/plogger/?idsite=s&url=https://e.org/&title={huge}"), 414, "8192", "too-long"),
    ] {
        let answer = house.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(part), "{path}: {}", answer.text());
        assert_eq!(answer.header("x-tidemill-dropped"), reason, "{path}");
    }
    let ahead = house.get(&page("a"), &[("Sec-Purpose", "prefetch;prerender")]).await;
    assert_eq!((ahead.status, ahead.header("x-tidemill-dropped")), (200, "prefetch"));
    assert_eq!(house.send("POST", &page("a"), &[], b"").await.status, 405);
    assert!(house.records("hits").is_empty());
    let metrics = house.get("/metrics", &[]).await.text();
    assert!(metrics.contains("tidemill_refusals_total{reason=\"missing-field\"} 3"), "{metrics}");
    assert_eq!(house.get("/nowhere", &[]).await.status, 404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_or_no_http_ends_that_connection_only() {
    let house = House::start("bad-heads").await;
    for bytes in [
        format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000))
            .into_bytes(),
        b"\x16\x03\x01\x02\x00 not http\r\n\r\n".to_vec(),
        b"GET /health HTTP/9.9\r\n\r\n".to_vec(),
    ] {
        let answer = house.raw(&bytes).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5"),
            "{text}"
        );
    }
    assert_eq!(house.get("/health", &[]).await.json()["status"], "ok");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_an_app_is_taken_whole_or_refused() {
    let house = House::start("mobile").await;
    let events = json!({"events": [
        {"idsite": "app", "url": "https://example.com/a", "action": "pageview", "title": "A"},
        {"idsite": "app", "url": "https://example.com/a", "action": "heartbeat", "inc": 30, "tt": 30, "pvid": "p"},
        {"idsite": "app", "url": "https://example.com/a", "action": "heartbeat", "inc": 30, "tt": 30, "pvid": "p"},
        {"idsite": "app", "url": "https://example.com/a", "action": "heartbeat", "inc": 900, "tt": 930, "pvid": "p"},
    ]});
    let body = events.to_string();
    let answer = house
        .send("POST", "/mobileproxy", &[("Content-Type", "text/plain")], body.as_bytes())
        .await;
    assert_eq!((answer.status, answer.json()["events"].as_u64()), (200, Some(4)));
    house.caught_up().await;
    let data = house.get("/v2/analytics/posts?apikey=app", &[]).await.json()["data"][0].clone();
    assert_eq!(data["title"], "A");
    assert_eq!(data["metrics"]["views"], 1);
    assert_eq!(data["metrics"]["engaged_minutes"], 0.5);
    let deep = format!("{{\"events\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for (body, status, part) in [
        (&b"not json"[..], 400, "no JSON"),
        (deep.as_bytes(), 400, "no JSON"),
        (br#"{"events":[{"idsite":"app"}]}"#, 400, "events[0].url"),
        (&vec![b' '; 70_000], 413, "65536"),
    ] {
        let answer = house.send("POST", "/mobileproxy", &[], body).await;
        assert_eq!(answer.status, status);
        assert!(answer.text().contains(part), "{}", answer.text());
        assert!(!answer.header("x-tidemill-dropped").is_empty());
    }
    let chunked = house.send_chunked("/mobileproxy", &vec![b' '; 70_000]).await;
    assert_eq!(chunked.status, 413);
    assert_eq!(house.send("OPTIONS", "/mobileproxy", &[], b"").await.status, 204);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_joins_authors_and_sections_at_once() {
    let house = House::start("metadata").await;
    house.get(&page("a"), &[("Referer", "https://example.com/a")]).await;
    let facebook = page("a").replace("urlref=", "urlref=https%3A%2F%2Fwww.facebook.com%2F");
    house.get(&facebook, &[]).await;
    house.caught_up().await;
    let authors = "/v2/analytics/authors?apikey=news&sort=fb_referrals";
    assert_eq!(house.get(authors, &[]).await.json()["data"], json!([]));
    let meta = json!({"apikey": "news", "metadata": {
        "canonical_url": "https://example.com/a/", "title": "The <b>Title</b>", "authors": ["Ann", "Bob"],
        "section": "News", "tags": ["x"], "pub_date_tmsp": 1_700_000_000, "image_url": "https://e.org/i.png"}});
    let answer = house.send("POST", "/v2/metadata/posts", &[], meta.to_string().as_bytes()).await;
    assert_eq!((answer.status, answer.json()["meta"]["shown"].as_bool()), (200, Some(true)));
    let data = house.get(authors, &[]).await.json()["data"].clone();
    assert_eq!(
        (&data[0]["author"], &data[0]["metrics"]["fb_referrals"]),
        (&json!("Ann"), &json!(1))
    );
    let sections = house.get("/v2/analytics/sections?apikey=news", &[]).await.json();
    assert_eq!(
        (&sections["data"][0]["section"], &sections["data"][0]["metrics"]["views"]),
        (&json!("News"), &json!(2))
    );
    let detail =
        house.get("/v2/analytics/post/detail?apikey=news&url=example.com/a", &[]).await.json();
    assert_eq!(
        (&detail["data"][0]["title"], &detail["data"][0]["tags"]),
        (&json!("The <b>Title</b>"), &json!(["x"]))
    );
    assert_eq!(detail["data"][0]["referrer_domains"][0]["name"], "facebook.com");
    let referrers = house.get("/v2/analytics/referrers?apikey=news", &[]).await.json();
    let rows: Vec<(&str, u64)> = referrers["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["metrics"]["views"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("direct", 1), ("facebook.com", 1)]);
    for (body, part) in [
        (json!({"metadata": {"canonical_url": "https://e.org/"}}), "apikey"),
        (json!({"apikey": "news"}), "metadata: missing"),
        (json!({"apikey": "news", "metadata": {"title": "x"}}), "canonical_url"),
    ] {
        let answer =
            house.send("POST", "/v2/metadata/posts", &[], body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["message"].as_str().unwrap().contains(part));
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_questions_name_the_parameter_and_secrets_guard_their_site() {
    let house = House::start("questions").await;
    house.get(&page("a"), &[]).await;
    house.caught_up().await;
    for (query, status, part) in [
        ("", 400, "apikey: missing"),
        ("apikey=unknown", 403, "apikey"),
        ("apikey=news&period_start=yesterday", 400, "period_start"),
        ("apikey=news&period_start=2026-01-31&period_end=2026-01-01", 400, "period_end"),
        ("apikey=news&sort=shares", 400, "fb_referrals"),
        ("apikey=news&limit=9999", 400, "limit"),
        ("apikey=news&page=0", 400, "page"),
        ("apikey=news&bots=some", 400, "only"),
        ("apikey=guarded", 403, "secret"),
        ("apikey=guarded&secret=wrong", 403, "secret"),
    ] {
        let answer = house.get(&format!("/v2/analytics/posts?{query}"), &[]).await;
        assert_eq!(answer.status, status, "{query}");
        let answer = answer.json();
        assert_eq!((&answer["code"], &answer["success"]), (&json!(status), &json!(false)));
        assert!(answer["message"].as_str().unwrap().contains(part), "{query}: {answer}");
    }
    let by_header =
        house.get("/v2/analytics/posts?apikey=guarded", &[("X-Tidemill-Secret", "s3")]).await;
    let by_query = house.get("/v2/analytics/posts?apikey=guarded&secret=s3", &[]).await;
    assert_eq!((by_header.status, by_query.status), (200, 200));
    assert!(!by_query.text().contains("s3"), "the secret must not come back in links");
    let beyond = house.get("/v2/analytics/posts?apikey=news&page=7", &[]).await.json();
    assert_eq!(beyond["data"], json!([]));
    let series = house.get("/v1/series?apikey=news&period_start=1h&step=1m", &[]).await.json();
    let views: u64 = series["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["views"].as_u64().unwrap())
        .sum();
    assert_eq!(views, 1);
    assert_eq!(house.get("/v1/series?apikey=news&step=7", &[]).await.status, 400);
    let other_host = "/plogger/?idsite=guarded&url=https%3A%2F%2Fevil.example%2F&action=pageview";
    let refused = house.get(other_host, &[]).await;
    assert_eq!((refused.status, refused.header("x-tidemill-dropped")), (403, "not-allowed"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_counted_apart() {
    let house = House::start("bots").await;
    house.get(&page("a"), &[]).await;
    for agent in ["curl/8.0", "Googlebot/2.1 (+http://www.google.com/bot.html)"] {
        house.get(&page("a"), &[("User-Agent", agent)]).await;
    }
    house.caught_up().await;
    for (bots, views) in [("exclude", 1), ("include", 3), ("only", 2)] {
        let answer =
            house.get(&format!("/v2/analytics/posts?apikey=news&bots={bots}"), &[]).await.json();
        assert_eq!(answer["data"][0]["metrics"]["views"], views, "{bots}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_not_to_be_told_apart_is_a_view_and_no_visitor() {
    let house = House::start("dnt").await;
    house.get(&page("a"), &[("Sec-GPC", "1")]).await;
    house.get(&page("a"), &[("DNT", "1")]).await;
    house.caught_up().await;
    let metrics =
        house.get("/v2/analytics/posts?apikey=news", &[]).await.json()["data"][0]["metrics"]
            .clone();
    assert_eq!((&metrics["views"], &metrics["visitors"]), (&json!(2), &json!(0)));
    assert!(
        house.records("hits").iter().all(|hit| !String::from_utf8_lossy(hit).contains("visitor"))
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_hits_and_takes_them_again_when_there_is_room() {
    let house = House::start("full-disk").await;
    assert_eq!(house.get(&page("a"), &[]).await.status, 200);
    house.caught_up().await;
    house.fill_disk(true);
    // Each is larger than what is left of the file's last block.
    let long = "x".repeat(6_000);
    let refused = house.get(&format!("{}&data={long}", page("b")), &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.header("x-tidemill-dropped"), "log-refused");
    let batch =
        json!({"events": [{"idsite": "news", "url": "https://example.com/b", "data": long}]})
            .to_string();
    assert_eq!(house.send("POST", "/mobileproxy", &[], batch.as_bytes()).await.status, 503);
    let meta = json!({"apikey": "news", "metadata": {"canonical_url": "https://example.com/b", "title": long}});
    assert_eq!(
        house.send("POST", "/v2/metadata/posts", &[], meta.to_string().as_bytes()).await.status,
        503
    );
    let import = house.upload("/v1/import?site=example.com", LOG.repeat(10).as_bytes()).await;
    assert!(import["error"].as_str().unwrap().contains("import it again"), "{import}");
    house.fill_disk(false);
    let c = house.get(&page("c"), &[]).await;
    assert_eq!(c.status, 200);
    house.caught_up().await;
    let posts = house.get("/v2/analytics/posts?apikey=news", &[]).await.json();
    let urls: Vec<_> =
        posts["data"].as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap()).collect();
    assert_eq!(urls, ["https://example.com/a", "https://example.com/c"]);
    house.stop().await;
}

/// Everything the API shows of a site, without times of the question.
async fn picture(house: &House, site: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "posts?bots=include",
        "posts?sort=visitors",
        "authors?",
        "sections?",
        "referrers?bots=include",
    ] {
        let answer = house
            .get(
                &format!("/v2/analytics/{path}&apikey={site}&period_start=2015-01-01&limit=2000"),
                &[],
            )
            .await;
        all.push(answer.json()["data"].clone());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_rebuilds_the_same_views_and_writes_no_event_twice() {
    let house = House::start("restart").await;
    for post in ["a", "b", "a", "c"] {
        house.get(&page(post), &[]).await;
    }
    let meta = json!({"apikey": "news", "metadata": {"canonical_url": "https://example.com/a", "authors": ["Ann"]}});
    house.send("POST", "/v2/metadata/posts", &[], meta.to_string().as_bytes()).await;
    house.upload("/v1/import?site=example.com", LOG.as_bytes()).await;
    house.caught_up().await;
    let before = [picture(&house, "news").await, picture(&house, "example.com").await];
    let house = house.restart().await;
    house.caught_up().await;
    house.get(&page("a"), &[]).await;
    house.caught_up().await;
    let news = picture(&house, "news").await;
    assert_eq!(news[0][0]["metrics"]["views"], 3);
    assert_eq!(news[0][0]["metrics"]["visitors"], 1, "the same visitor after the restart");
    assert_eq!(before[1], picture(&house, "example.com").await);
    let again = house.upload("/v1/import?site=example.com", LOG.as_bytes()).await;
    assert_eq!((&again["report"]["views"], &again["report"]["again"]), (&json!(0), &json!(3)));
    let house = house.restart().await;
    house.caught_up().await;
    let (hits, events) = (house.records("hits").len(), house.records("events"));
    assert_eq!((hits, events.len()), (8, 8));
    let mut ids: Vec<String> = events
        .iter()
        .map(|event| {
            let event: Value = serde_json::from_slice(event).unwrap();
            for field in ["apikey", "event_id", "timestamp_info_nginx_ms", "visitor_site_id"] {
                assert!(!event[field].is_null(), "{field}");
            }
            event["event_id"].as_str().unwrap().to_owned()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    house.stop().await;
}

const LOG: &str = include_str!("data/access.log");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_log_is_imported_packed_or_not_once() {
    let house = House::start("import").await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(LOG.as_bytes()).unwrap();
    let report =
        house.upload("/v1/import?site=example.com", &packed.finish().unwrap()).await["report"]
            .clone();
    for (field, count) in
        [("lines", 12), ("views", 3), ("skipped", 6), ("malformed", 3), ("again", 0)]
    {
        assert_eq!(report[field], count, "{field}: {report}");
    }
    assert_eq!(report["first_malformed"][0]["line"], 5);
    house.caught_up().await;
    let again = house.upload("/v1/import?site=example.com", LOG.as_bytes()).await["report"].clone();
    assert_eq!((&again["views"], &again["again"]), (&json!(0), &json!(3)));
    let posts = house.get("/v2/analytics/posts?apikey=example.com&period_start=2015-05-01&period_end=2015-05-31&bots=include", &[]).await.json();
    let rows: Vec<_> = posts["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["url"].as_str().unwrap(), row["metrics"]["views"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("https://example.com/blog/first", 2), ("https://example.com/", 1)]);
    assert_eq!(posts["data"][0]["metrics"]["internal_referrals"], 1);
    let sites = house.get("/live/sites", &[]).await.json();
    assert_eq!(sites["sites"][0]["id"], "example.com");
    assert_eq!(sites["sites"][0]["importing"], false);
    for path in ["/v1/import", "/v1/import?site=a/b"] {
        assert_eq!(house.send("POST", path, &[], b"x").await.status, 400);
    }
    assert_eq!(house.send("POST", "/v1/import?site=guarded", &[], b"x").await.status, 403);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_stream_sends_the_state_and_what_changes() {
    let house = House::start("live").await;
    assert_eq!(house.get("/live/stream?site=nothing", &[]).await.status, 404);
    house.get(&page("a"), &[]).await;
    house.caught_up().await;
    for (query, part) in [
        ("", "site"),
        ("?site=news&window=3h", "window"),
        ("?site=news&sort=x", "sort"),
        ("?site=news&post=https://", "post"),
    ] {
        let answer = house.get(&format!("/live/stream{query}"), &[]).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["message"].as_str().unwrap().contains(part));
    }
    let mut stream =
        house.stream("/live/stream?site=news&window=15m&post=https%3A%2F%2Fexample.com%2Fa").await;
    let first = stream.state().await;
    assert_eq!(
        (&first["seq"], &first["totals"]["views"], &first["totals"]["reading_now"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(first["post"]["views"], 1);
    house.get(&page("a"), &[("User-Agent", &format!("{PERSON} other"))]).await;
    // A new minute may bring a state of its own in between.
    let mut second = stream.state().await;
    while second["totals"]["views"] == 1 {
        second = stream.state().await;
    }
    assert_eq!((&second["totals"]["views"], &second["post"]["visitors"]), (&json!(2), &json!(2)));
    assert!(second["seq"].as_u64() > Some(1));
    // There is room for two streams in this house.
    let _other = house.stream("/live/stream?site=news").await;
    let full = house.get("/live/stream?site=news", &[]).await;
    assert_eq!((full.status, full.header("retry-after")), (503, "1"));
    house.stop().await;
}
