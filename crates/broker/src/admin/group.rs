//! Settings of single groups (KIP-848, KIP-932, KIP-1071): checked, kept and told.

use tidemill_wire::ErrorCode;

use super::Admin;
use super::changes::{Change, changed};
use super::describe::Described;
use super::kept::Values;
use crate::errors::Failure;
use crate::settings::broker;
use crate::settings::kinds::{self, Kind, Range};
use crate::settings::layers::Source;

/// One setting of a group.
struct GroupSetting {
    name: &'static str,
    kind: Kind,
    default: &'static str,
    range: Range,
    /// Whether the broker has one of the same name with `group.` before it.
    follows: bool,
    doc: &'static str,
}

const fn row(
    name: &'static str,
    default: &'static str,
    least: i64,
    doc: &'static str,
) -> GroupSetting {
    GroupSetting {
        name,
        kind: Kind::Int,
        default,
        range: Range::AtLeast(least),
        follows: true,
        doc,
    }
}

const RESETS: &str = "Where a share group begins that has no state.";
const ISOLATION: Range = Range::OneOf(&["read_committed", "read_uncommitted"]);

/// All settings of a group, by name.
static GROUP_SETTINGS: &[GroupSetting] = &[
    row(
        "consumer.assignment.interval.ms",
        "1000",
        0,
        "The shortest time between two assignments of a consumer group.",
    ),
    row(
        "consumer.heartbeat.interval.ms",
        "5000",
        1,
        "How often members of a consumer group say that they live.",
    ),
    row(
        "consumer.session.timeout.ms",
        "45000",
        1,
        "How long a member of a consumer group may be silent.",
    ),
    row(
        "share.assignment.interval.ms",
        "1000",
        0,
        "The shortest time between two assignments of a share group.",
    ),
    GroupSetting {
        name: "share.auto.offset.reset",
        kind: Kind::String,
        default: "latest",
        range: Range::Any,
        follows: false,
        doc: RESETS,
    },
    row("share.delivery.count.limit", "5", 2, "How often a share group is given a record."),
    row(
        "share.heartbeat.interval.ms",
        "5000",
        1,
        "How often members of a share group say that they live.",
    ),
    GroupSetting {
        name: "share.isolation.level",
        kind: Kind::String,
        default: "read_uncommitted",
        range: ISOLATION,
        follows: false,
        doc: "Whether a share group reads open transactions.",
    },
    row(
        "share.partition.max.record.locks",
        "2000",
        100,
        "Records of a partition that a share group holds at one time.",
    ),
    row(
        "share.record.lock.duration.ms",
        "30000",
        1000,
        "How long a member of a share group holds a record.",
    ),
    GroupSetting {
        name: "share.renew.acknowledge.enable",
        kind: Kind::Boolean,
        default: "true",
        range: Range::Any,
        follows: false,
        doc: "Whether members of a share group may hold a record longer.",
    },
    row(
        "share.session.timeout.ms",
        "45000",
        1,
        "How long a member of a share group may be silent.",
    ),
    row(
        "streams.assignment.interval.ms",
        "1000",
        0,
        "The shortest time between two assignments of a streams group.",
    ),
    row(
        "streams.heartbeat.interval.ms",
        "5000",
        1,
        "How often members of a streams group say that they live.",
    ),
    row(
        "streams.initial.rebalance.delay.ms",
        "3000",
        0,
        "How long a new streams group waits for more members.",
    ),
    row("streams.num.standby.replicas", "0", 0, "Spare copies of the state of a streams group."),
    row(
        "streams.session.timeout.ms",
        "45000",
        1,
        "How long a member of a streams group may be silent.",
    ),
];

fn find(name: &str) -> Option<&'static GroupSetting> {
    GROUP_SETTINGS.iter().find(|setting| setting.name == name)
}

impl Admin {
    /// Changes settings of a group, which need not be there.
    ///
    /// # Errors
    /// Nothing was changed, unless the disk failed.
    pub(crate) fn alter_group(
        &self,
        group: &str,
        changes: &[Change],
        validate_only: bool,
    ) -> Result<(), Failure> {
        if group.is_empty() {
            let why = "Default group resources are not allowed.";
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        }
        let mut turn = self.turn();
        let current = turn.groups.get(group).cloned().unwrap_or_default();
        let kind_of = |name: &str| find(name).map(|setting| setting.kind);
        let values = changed(&current, changes, kind_of, |_| String::new())?;
        self.check_group(&values).map_err(|why| Failure::new(ErrorCode::InvalidConfig, why))?;
        if validate_only {
            return Ok(());
        }
        let mut next = turn.clone();
        match values.is_empty() {
            true => drop(next.groups.remove(group)),
            false => drop(next.groups.insert(group.to_owned(), values)),
        }
        self.keep(&mut turn, next)
    }

    fn check_group(&self, values: &Values) -> Result<(), String> {
        for (name, value) in values {
            let setting = find(name).ok_or_else(|| format!("Unknown group config name: {name}"))?;
            kinds::read(name, setting.kind, setting.range, value)?;
            self.check_bounds(name, value)?;
        }
        Ok(())
    }

    /// The broker bounds some settings of groups: `group.consumer.min.session.timeout.ms`, and so on.
    fn check_bounds(&self, name: &str, value: &str) -> Result<(), String> {
        let Some((kind, rest)) = name.split_once('.') else { return Ok(()) };
        let bound = |which: &str| {
            let name = format!("group.{kind}.{which}.{rest}");
            let bound: i64 = self.broker_value(&name)?.parse().ok()?;
            Some((name, bound))
        };
        let Ok(number) = value.trim().parse::<i64>() else { return Ok(()) };
        if let Some((least, _)) = bound("min").filter(|(_, least)| number < *least) {
            return Err(format!("{name} must be greater than or equal to {least}"));
        }
        if let Some((most, _)) = bound("max").filter(|(_, most)| number > *most) {
            return Err(format!("{name} must be less than or equal to {most}"));
        }
        Ok(())
    }

    /// All settings of a group, which need not be there.
    ///
    /// # Errors
    /// The group has no name.
    pub(crate) fn describe_group(&self, group: &str) -> Result<Vec<Described>, Failure> {
        if group.is_empty() {
            return Err(Failure::new(ErrorCode::InvalidRequest, "Group name must not be empty"));
        }
        let own = self.turn().groups.get(group).cloned().unwrap_or_default();
        Ok(GROUP_SETTINGS.iter().map(|setting| self.describe_setting(&own, setting)).collect())
    }

    fn describe_setting(&self, own: &Values, setting: &'static GroupSetting) -> Described {
        let own = own.get(setting.name);
        let mut synonyms: Vec<_> = own
            .map(|value| (setting.name.to_owned(), Some(value.clone()), Source::Group))
            .into_iter()
            .collect();
        let (name, value) = match setting.follows {
            true => {
                let name = format!("group.{}", setting.name);
                let value = self.broker_value(&name);
                (name, value)
            }
            false => (setting.name.to_owned(), None),
        };
        let value = value.unwrap_or_else(|| setting.default.to_owned());
        let default = broker::find(&name).and_then(|setting| setting.default);
        let changed = default.is_some_and(|default| default != value);
        let source = if changed { Source::Stated } else { Source::Default };
        synonyms.push((name, Some(value.clone()), source));
        Described {
            name: setting.name.to_owned(),
            value: own.cloned().or(Some(value)),
            source: own.map_or(source, |_| Source::Group),
            read_only: false,
            sensitive: false,
            kind: Some(setting.kind),
            doc: setting.doc,
            synonyms,
        }
    }

    /// Groups that were given settings.
    pub(crate) fn groups_with_settings(&self) -> Vec<String> {
        self.turn().groups.keys().cloned().collect()
    }
}
