//! Tests of the newsroom.

use super::*;
use crate::clean::Page;

const NOW: i64 = 1_772_706_030_000;

#[test]
fn the_same_seed_gives_the_same_newsroom_and_another_does_not() {
    assert_eq!(posts_at(7, NOW), posts_at(7, NOW));
    assert_ne!(posts_at(7, NOW), posts_at(8, NOW));
    let posts = posts_at(7, NOW);
    assert!((60..=75).contains(&posts.len()), "{}", posts.len());
    assert!(posts.iter().all(|post| post.published_ms <= NOW && Page::parse(&post.url).is_some()));
    let mut urls: Vec<_> = posts.iter().map(|post| &post.url).collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), posts.len(), "two posts share an address");
}

#[test]
fn interest_fades_and_ends_and_bursts_stand_out() {
    let posts: Vec<Post> = (0..400).map(|slot| Post::of(7, 66_000 + slot)).collect();
    for post in &posts {
        let calm = |hours: i64| post.published_ms + hours * HOUR_MS;
        assert_eq!((post.weight(post.published_ms - 1), post.weight(calm(48))), (0.0, 0.0));
        if post.burst.is_none() {
            assert!(post.weight(calm(1)) > post.weight(calm(10)));
        }
    }
    let bursting = posts.iter().filter(|post| post.burst.is_some()).count();
    assert!((25..=80).contains(&bursting), "{bursting} of 400");
    let mut worths: Vec<f64> = posts.iter().map(|post| post.worth).collect();
    worths.sort_by(f64::total_cmp);
    let top: f64 = worths.iter().rev().take(40).sum();
    assert!(
        top > worths.iter().sum::<f64>() / 3.0,
        "a tenth of the posts has a third of the readers"
    );
}
