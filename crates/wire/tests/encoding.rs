//! What the oracle cannot say: copies, refusals, whole frames.

use bytes::Bytes;
use tidemill_wire::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use tidemill_wire::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use tidemill_wire::message::{encode_request, encode_response};
use tidemill_wire::{EncodeError, Message, Reader, Text, Writer};

fn fetch_response(records: Bytes) -> FetchResponse {
    let partition = PartitionData { records: Some(records.into()), ..Default::default() };
    let topic = FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

#[test]
fn records_are_neither_copied_on_the_way_out_nor_on_the_way_in() {
    let records = Bytes::from(vec![7; 100_000]);
    let parts = encode_response(&fetch_response(records.clone()), 12, 1).unwrap();
    assert!(parts.iter().any(|part| part.as_ptr() == records.as_ptr()));
    let frame = Bytes::from(parts.concat());
    let announced = u32::from_be_bytes(frame[..4].try_into().unwrap());
    assert_eq!(announced as usize, frame.len() - 4);
    // Length, correlation id, one byte of header tags.
    let body = frame.slice(9..);
    let decoded = FetchResponse::decode(&mut Reader::new(body), 12).unwrap();
    let read = decoded.responses[0].partitions[0].records.clone().unwrap().into_bytes();
    assert_eq!(read, records);
    assert!(frame.as_ptr_range().contains(&read.as_ptr()));
}

#[test]
fn records_in_pieces_become_one_field() {
    let pieces = [Bytes::from(vec![1; 10]), Bytes::from(vec![2; 5000]), Bytes::from(vec![3; 10])];
    let mut response = fetch_response(Bytes::new());
    response.responses[0].partitions[0].records = Some(pieces[..].into());
    let body = Bytes::from(encode_response(&response, 4, 1).unwrap().concat()).slice(8..);
    let decoded = FetchResponse::decode(&mut Reader::new(body), 4).unwrap();
    let read = decoded.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(read.into_bytes(), pieces.concat());
}

#[test]
fn a_name_too_long_for_the_classic_encoding_is_refused() {
    let mut response = fetch_response(Bytes::new());
    response.responses[0].topic = Text::from("x".repeat(40_000));
    let error = response.encode(11, &mut Writer::new()).unwrap_err();
    let field = "FetchResponse.responses.topic";
    assert_eq!(error, EncodeError::TooLong { field, length: 40_000 });
    assert!(response.encode(12, &mut Writer::new()).is_ok());
}

#[test]
fn versions_that_are_not_described_are_refused() {
    let request = ApiVersionsRequest::default();
    assert!(request.encode(5, &mut Writer::new()).is_err());
    assert!(ApiVersionsRequest::decode(&mut Reader::new(Bytes::new()), -1).is_err());
}

#[test]
fn the_api_versions_response_has_no_tags_in_its_header() {
    let parts = encode_response(&ApiVersionsResponse::default(), 3, 0x0102_0304).unwrap();
    let frame = parts.concat();
    // Correlation id, then at once the error code, an empty list, the throttle time, no tags.
    assert_eq!(frame, [0, 0, 0, 12, 1, 2, 3, 4, 0, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_request_frame_has_length_header_and_message() {
    let client = Text::from("me");
    let frame = encode_request(&ApiVersionsRequest::default(), 3, 9, Some(&client)).unwrap();
    let expected = [0, 0, 0, 16, 0, 18, 0, 3, 0, 0, 0, 9, 0, 2, b'm', b'e', 0, 1, 1, 0];
    assert_eq!(frame.concat(), expected);
}
