//! DeleteTopics (key 20): topics go, by name or by id.
//!
//! Version 4 is flexible, 5 says why not, 6 takes ids.

use tidemill_wire::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

use crate::answer::Answer;
use crate::context::Call;
use crate::topics::{self, TopicFailure};

/// The first version that takes ids.
const BY_ID: i16 = 6;

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
    let mut response = DeleteTopicsResponse::default();
    for topic in topics {
        response.responses.push(one(call, topic).await);
    }
    Answer::Now(response)
}

async fn one(call: &Call, asked: DeleteTopicState) -> DeletableTopicResult {
    let by_id = asked.name.is_none();
    let name = asked.name.clone().unwrap_or_default();
    let found = call.shared.find_topic(by_id, &name, asked.topic_id);
    let (name, id, result) = match found {
        Ok(topic) => {
            let (name, id) = (Text::from(&*topic.name), topics::wire_id(&topic));
            (Some(name), id, delete(call, &topic.name).await)
        }
        Err(error) => {
            let message = Text::from_static(error.message());
            (asked.name, asked.topic_id, Err(TopicFailure { error, message }))
        }
    };
    let (error_code, error_message) = match result {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(failure) => (failure.error.code(), Some(failure.message)),
    };
    DeletableTopicResult { name, topic_id: id, error_code, error_message }
}

async fn delete(call: &Call, name: &str) -> Result<(), TopicFailure> {
    if topics::is_internal(name) {
        let message = Text::from_static("the broker owns this topic");
        return Err(TopicFailure { error: ErrorCode::InvalidTopicException, message });
    }
    call.shared.delete_topic(name).await
}
