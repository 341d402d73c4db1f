//! Whose word on the client's address is taken.
//!
//! Anybody can write `X-Forwarded-For`. It is believed only if the connection comes from a configured
//! proxy, and then the last address in it that is not a proxy itself is the client: what stands before may be made
//! up. `X-Parsely-IP`, with which a publisher's server names its visitor, is believed from the same proxies.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::HeaderMap;

#[cfg(test)]
mod tests;

/// A network of trusted proxies, `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no network: write an address or a prefix such as 10.0.0.0/8")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.chars().take(64).collect());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| error())?;
        if bits > most { Err(error()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = u32::from(network) ^ u32::from(address);
                differing.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = u128::from(network) ^ u128::from(address);
                differing.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The address of the client of a request that came over a connection from `peer`.
pub fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if proxies.is_empty() || !trusted(peer) {
        return peer;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(address) = text("x-parsely-ip").and_then(|text| text.trim().parse().ok()) {
        return address;
    }
    let mut client = peer;
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        for hop in value.to_str().unwrap_or_default().rsplit(',') {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
            client = address.to_canonical();
            if !trusted(client) {
                return client;
            }
        }
    }
    client
}
