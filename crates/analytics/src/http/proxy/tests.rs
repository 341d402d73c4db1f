//! Tests of whose word on an address is taken.

use hyper::header::HeaderValue;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn reads_networks() {
    let network: Network = "10.1.0.0/16".parse().unwrap();
    assert!(network.contains(address("10.1.255.3")) && !network.contains(address("10.2.0.1")));
    assert!(network.contains(address("::ffff:10.1.0.1")));
    let everything: Network = "0.0.0.0/0".parse().unwrap();
    assert!(everything.contains(address("192.0.2.1")) && !everything.contains(address("::1")));
    let one: Network = "::1".parse().unwrap();
    assert!(one.contains(address("::1")) && !one.contains(address("::2")));
    for text in ["", "10.0.0.0/33", "10.0.0.0/x", "host", "::/129"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

#[test]
fn a_stranger_is_not_believed() {
    let said = headers(&[("x-forwarded-for", "203.0.113.9"), ("x-parsely-ip", "203.0.113.8")]);
    assert_eq!(client(address("192.0.2.1"), &said, &[]), address("192.0.2.1"));
    let proxies = ["10.0.0.0/8".parse().unwrap()];
    assert_eq!(client(address("192.0.2.1"), &said, &proxies), address("192.0.2.1"));
}

#[test]
fn a_proxy_is_believed_for_what_it_added_itself() {
    let proxies = ["10.0.0.0/8".parse().unwrap()];
    let peer = address("10.0.0.1");
    let forged = headers(&[("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.0.0.2")]);
    assert_eq!(client(peer, &forged, &proxies), address("203.0.113.9"));
    let two = headers(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")]);
    assert_eq!(client(peer, &two, &proxies), address("203.0.113.9"));
    let broken = headers(&[("x-forwarded-for", "unknown")]);
    assert_eq!(client(peer, &broken, &proxies), peer);
    let named = headers(&[("x-parsely-ip", "203.0.113.7")]);
    assert_eq!(client(peer, &named, &proxies), address("203.0.113.7"));
}
