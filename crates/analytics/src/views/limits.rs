//! How much the views hold.

/// How much is held.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Different sites.
    pub sites_max: usize,
    /// Different posts of a site.
    pub posts_max: u32,
}

impl Default for Limits {
    /// 1,000 sites of at most 200,000 posts.
    fn default() -> Self {
        Self { sites_max: 1_000, posts_max: 200_000 }
    }
}
