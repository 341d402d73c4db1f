//! The cluster itself.

use tidemill_wire::api_versions::ApiVersionsResponse;
use tidemill_wire::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use tidemill_wire::{ApiKey, Text};

use super::Client;
use super::refusal::check;
use crate::error::CliError;

impl Client {
    /// What the first broker serves, and its features.
    pub(crate) fn served(&self) -> ApiVersionsResponse {
        self.first.served().clone()
    }

    /// Id and brokers. Brokers from before DescribeCluster (Apache Kafka 2.8) tell the same by Metadata.
    pub(crate) fn cluster(&mut self) -> Result<DescribeClusterResponse, CliError> {
        let metadata = self.metadata(Some(&[]), false)?;
        if self.first.version(ApiKey::DescribeCluster, 2).is_none() {
            let broker =
                |broker: &tidemill_wire::metadata::MetadataResponseBroker| DescribeClusterBroker {
                    broker_id: broker.node_id,
                    host: broker.host.clone(),
                    port: broker.port,
                    rack: broker.rack.clone(),
                    ..Default::default()
                };
            return Ok(DescribeClusterResponse {
                cluster_id: metadata.cluster_id.clone().unwrap_or(Text::from_static("")),
                controller_id: metadata.controller_id,
                brokers: metadata.brokers.iter().map(broker).collect(),
                ..Default::default()
            });
        }
        let request = DescribeClusterRequest { endpoint_type: 1, ..Default::default() };
        let mut response = self.call(&request, 2)?;
        check(response.error_code, response.error_message.as_ref(), "the cluster")?;
        response.brokers.sort_by_key(|broker| broker.broker_id);
        Ok(response)
    }
}
