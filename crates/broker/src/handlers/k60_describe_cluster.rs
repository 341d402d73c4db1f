//! DescribeCluster (key 60): this broker, without topics (KIP-700).
//!
//! Version 1 tells brokers from controllers, 2 brings brokers that are shut out. There are no controllers to
//! talk to here.

use tidemill_wire::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;

const BROKERS: i8 = 1;

/// Names this broker.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeClusterRequest,
) -> Answer<DescribeClusterResponse> {
    if request.endpoint_type != BROKERS {
        let error = ErrorCode::UnsupportedEndpointType;
        return Answer::Now(DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(Text::from_static(error.message())),
            endpoint_type: request.endpoint_type,
            ..Default::default()
        });
    }
    let (host, port) = call.address();
    let broker_id = call.shared.config.node_id;
    Answer::Now(DescribeClusterResponse {
        cluster_id: call.shared.cluster_id.clone(),
        controller_id: broker_id,
        brokers: vec![DescribeClusterBroker { broker_id, host, port, ..Default::default() }],
        ..Default::default()
    })
}
