//! Tests of reading parameters.

use proptest::prelude::*;

use super::*;
use crate::referrer::Class;

fn params(query: &str) -> Params {
    let request = hyper::Request::builder()
        .uri(format!("http://x/v2/analytics/posts?{query}"))
        .body(())
        .unwrap();
    Params::read(&request.into_parts().0)
}

#[test]
fn what_nobody_says_has_its_default() {
    let params = params("apikey=s");
    assert_eq!(
        (params.site.as_str(), params.sort(), params.limit(), params.skip()),
        ("s", Ok(Metric::Views), Ok(10), Ok(0))
    );
    assert_eq!((params.bots(), params.post()), (Ok(Bots::Exclude), Ok(None)));
    assert_eq!(params.filter(0), Ok(Filter::default()));
}

#[test]
fn what_is_said_is_read() {
    let params = params(
        "apikey=s&sort=social_refs&limit=20&page=3&bots=only&url=example.com/a/&author=A%20B&author=C&days=7&secret=x",
    );
    assert_eq!(params.sort(), Ok(Metric::Referrals(Class::Social)));
    assert_eq!((params.limit(), params.skip(), params.bots()), (Ok(20), Ok(40), Ok(Bots::Only)));
    assert_eq!(params.post(), Ok(Some("example.com/a".to_owned())));
    assert_eq!(params.filter(0).unwrap().authors, ["A B", "C"]);
    assert_eq!(params.period_start.as_deref(), Some("7d"));
    let link = params.link(4);
    assert!(
        link.contains("page=4") && !link.contains("secret") && !link.contains("page=3"),
        "{link}"
    );
}

#[test]
fn what_is_wrong_is_named_with_the_fix() {
    let message = |query: &str| {
        let params = params(query);
        let refused = [
            params.sort().err(),
            params.limit().err(),
            params.page().err(),
            params.bots().err(),
            params.post().err(),
            params.filter(0).err(),
        ];
        refused.into_iter().flatten().next().unwrap().message
    };
    assert!(message("sort=shares").contains("fb_referrals"));
    assert!(message("limit=0").contains("1 to 2000") && message("limit=2001").contains("limit"));
    assert!(message("page=x").contains("page") && message("bots=maybe").contains("only"));
    assert!(
        message("url=https://").contains("url")
            && message("pub_date_start=x").contains("pub_date_start")
    );
    assert!(message("author=1&author=2&author=3&author=4&author=5&author=6").contains("author"));
}

proptest! {
    #[test]
    fn any_query_is_answered(query in "([a-z_]{0,12}=[!-~&&[^#<>\"]]{0,20}&){0,8}") {
        if hyper::Uri::try_from(format!("http://x/?{query}")).is_ok() {
            let params = params(&query);
            let _ = (params.sort(), params.skip(), params.bots(), params.post(), params.filter(0), params.link(2));
        }
    }
}
