//! DescribeCluster (key 60): this broker, without topics (KIP-700).
//!
//! Version 1 tells brokers from controllers, 2 brings brokers that are shut out. There are no controllers to
//! talk to here.

use tidemill_wire::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::{CLUSTER_RIGHTS, RIGHTS_NOT_ASKED};
use crate::answer::Answer;
use crate::context::Call;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Names this broker.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeClusterRequest,
) -> Answer<DescribeClusterResponse> {
    if request.endpoint_type != BROKERS {
        let (error, why) = match request.endpoint_type {
            CONTROLLERS => (
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            ),
            _ => (ErrorCode::UnsupportedEndpointType, "Unsupported endpoint type"),
        };
        return Answer::Now(DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(Text::from_static(why)),
            endpoint_type: request.endpoint_type,
            ..Default::default()
        });
    }
    let (host, port) = call.address();
    let broker_id = call.shared.config.node_id;
    Answer::Now(DescribeClusterResponse {
        cluster_id: call.shared.cluster_id.clone(),
        controller_id: broker_id,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_RIGHTS,
            false => RIGHTS_NOT_ASKED,
        },
        brokers: vec![DescribeClusterBroker { broker_id, host, port, ..Default::default() }],
        ..Default::default()
    })
}
