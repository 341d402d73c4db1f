//! DeleteTopics (key 20): topics go, by name or by id.
//!
//! Version 4 is flexible, 5 says why not, 6 takes ids.

use std::collections::BTreeMap;

use tidemill_commitlog::TopicInfo;
use tidemill_wire::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};
use crate::topics;

/// The first version that takes ids.
const BY_ID: i16 = 6;

/// The first version whose clients know that topics may not be deleted.
const DISABLED: i16 = 3;

/// Deletes each topic.
pub(crate) async fn handle(
    call: &Call,
    request: DeleteTopicsRequest,
) -> Answer<DeleteTopicsResponse> {
    let named = |name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO };
    let topics = match call.version >= BY_ID {
        true => request.topics,
        false => request.topic_names.into_iter().map(named).collect(),
    };
    let mut times: BTreeMap<(Option<Text>, Uuid), usize> = BTreeMap::new();
    for topic in &topics {
        *times.entry((topic.name.clone(), topic.topic_id)).or_default() += 1;
    }
    let mut response = DeleteTopicsResponse::default();
    for topic in topics {
        let once = times.get(&(topic.name.clone(), topic.topic_id)) == Some(&1);
        response.responses.push(one(call, topic, once).await);
    }
    Answer::Now(response)
}

async fn one(call: &Call, asked: DeleteTopicState, once: bool) -> DeletableTopicResult {
    let (name, id, result) = match find(call, &asked, once) {
        Ok(topic) => {
            let (name, id) = (Text::from(&*topic.name), topics::wire_id(&topic));
            (Some(name), id, delete(call, &topic.name).await)
        }
        Err(failure) => (asked.name, asked.topic_id, Err(failure)),
    };
    let (error_code, error_message) = errors::told(result);
    DeletableTopicResult { name, topic_id: id, error_code, error_message }
}

fn find(call: &Call, asked: &DeleteTopicState, once: bool) -> Result<TopicInfo, Failure> {
    let invalid = |why| Err(Failure::new(ErrorCode::InvalidRequest, why));
    if !call.shared.config.delete_topics {
        return match call.version >= DISABLED {
            true => {
                Err(Failure::new(ErrorCode::TopicDeletionDisabled, "Topic deletion is disabled."))
            }
            false => invalid("Topic deletion is disabled."),
        };
    }
    match (&asked.name, asked.topic_id.is_zero()) {
        (Some(_), false) => invalid("You may not specify both topic name and topic id."),
        (None, true) => invalid("Neither topic name nor id were specified."),
        (Some(_), true) if !once => invalid("Duplicate topic name."),
        (None, false) if !once => invalid("Duplicate topic id."),
        (Some(name), true) => Ok(call.shared.find_topic(false, name, Uuid::ZERO)?),
        (None, false) => Ok(call.shared.find_topic(true, "", asked.topic_id)?),
    }
}

async fn delete(call: &Call, name: &str) -> Result<(), Failure> {
    if topics::is_internal(name) {
        return Err(Failure::new(ErrorCode::InvalidTopicException, "the broker owns this topic"));
    }
    call.shared.delete_topic(name).await
}
