//! The metrics, by Parse.ly's names.

use crate::referrer::Class;
use crate::views::cell::Sum;

/// Something that can be counted and sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Page views.
    #[default]
    Views,
    /// Page views on computers.
    DesktopViews,
    /// Page views on phones.
    MobileViews,
    /// Page views on tablets.
    TabletViews,
    /// Different visitors.
    Visitors,
    /// Minutes that readers were engaged.
    EngagedMinutes,
    /// Engaged minutes by visitor.
    AvgEngaged,
    /// Views from this class of referrers.
    Referrals(Class),
    /// Views from Facebook.
    FbReferrals,
    /// Views from Twitter.
    TwReferrals,
    /// Views from LinkedIn.
    LiReferrals,
    /// Views from Pinterest.
    PiReferrals,
}

impl Metric {
    /// All metrics, in the order answers list them.
    pub const ALL: [Self; 16] = [
        Self::Views,
        Self::DesktopViews,
        Self::MobileViews,
        Self::TabletViews,
        Self::Visitors,
        Self::EngagedMinutes,
        Self::AvgEngaged,
        Self::Referrals(Class::Search),
        Self::Referrals(Class::Social),
        Self::Referrals(Class::Internal),
        Self::Referrals(Class::Direct),
        Self::Referrals(Class::Other),
        Self::FbReferrals,
        Self::TwReferrals,
        Self::LiReferrals,
        Self::PiReferrals,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::DesktopViews => "desktop_views",
            Self::MobileViews => "mobile_views",
            Self::TabletViews => "tablet_views",
            Self::Visitors => "visitors",
            Self::EngagedMinutes => "engaged_minutes",
            Self::AvgEngaged => "avg_engaged",
            Self::Referrals(Class::Search) => "search_referrals",
            Self::Referrals(Class::Social) => "social_referrals",
            Self::Referrals(Class::Internal) => "internal_referrals",
            Self::Referrals(Class::Direct) => "direct_referrals",
            Self::Referrals(Class::Other) => "other_referrals",
            Self::FbReferrals => "fb_referrals",
            Self::TwReferrals => "tw_referrals",
            Self::LiReferrals => "li_referrals",
            Self::PiReferrals => "pi_referrals",
        }
    }

    /// The metric with this name. `_hits` is the old name of views, and `…_refs` of referrals.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = match name.strip_suffix("_refs") {
            Some(class) => &format!("{class}_referrals"),
            None if name == "_hits" => "views",
            None => name,
        };
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether its value depends on the visitors.
    pub fn needs_visitors(self) -> bool {
        matches!(self, Self::Visitors | Self::AvgEngaged)
    }

    /// Its value.
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub fn of(self, sum: &Sum, visitors: u64) -> f64 {
        let network = |at: usize| sum.networks.get(at).copied().unwrap_or(0);
        let device = |at: usize| sum.devices.get(at).copied().unwrap_or(0);
        let count = match self {
            Self::Views => sum.views(),
            Self::DesktopViews => device(0),
            Self::MobileViews => device(1),
            Self::TabletViews => device(2),
            Self::Visitors => visitors,
            Self::EngagedMinutes => return sum.engaged_minutes(),
            Self::AvgEngaged if visitors == 0 => 0,
            Self::AvgEngaged => return sum.engaged_minutes() / visitors as f64,
            Self::Referrals(class) => sum.from_class(class),
            Self::FbReferrals => network(0),
            Self::TwReferrals => network(1),
            Self::LiReferrals => network(2),
            Self::PiReferrals => network(3),
        };
        count as f64
    }
}
