//! What can be set.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::proxy::Network;
use crate::views::Limits;

/// A site that is more than a name.
#[derive(Clone, Debug, Default)]
pub struct SiteConfig {
    /// Its name: `idsite` in the beacon, `apikey` in the API.
    pub id: String,
    /// What it is called on the dashboard; empty for its name.
    pub title: String,
    /// What the API asks for as `secret`; `None` answers everybody.
    pub secret: Option<String>,
    /// Hosts whose pages may send hits, and their subdomains; empty lets all.
    pub hosts: Vec<String>,
}

/// Settings of the analytics. Plain data; `..AnalyticsConfig::new(dir)` fills what you do not name.
#[derive(Clone, Debug)]
pub struct AnalyticsConfig {
    /// Where to listen; port 0 takes a free one.
    pub http: SocketAddr,
    /// The folder for the keys of visitors; the log's folder or one beside it.
    pub dir: PathBuf,
    /// Sites with a title, a secret or a list of hosts. Others need no configuration.
    pub sites: Vec<SiteConfig>,
    /// Whether hits of sites that are not in `sites` are taken.
    pub any_site: bool,
    /// Proxies whose `X-Forwarded-For` and `X-Parsely-IP` are believed.
    pub proxies: Vec<Network>,
    /// How much the views hold.
    pub limits: Limits,
    /// Open connections.
    pub connections_max: usize,
    /// Open live streams; one a tab.
    pub streams_max: usize,
}

impl AnalyticsConfig {
    /// The defaults: port 8080 of this machine only, any site, no proxies.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            dir: dir.into(),
            sites: Vec::new(),
            any_site: true,
            proxies: Vec::new(),
            limits: Limits::default(),
            // A connection costs about 20 KB, so all of them some 200 MB at worst.
            connections_max: 10_000,
            streams_max: 1_000,
        }
    }

    /// What is configured for a site.
    pub fn site(&self, id: &str) -> Option<&SiteConfig> {
        self.sites.iter().find(|site| site.id == id)
    }
}
