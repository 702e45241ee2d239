//! Proxies that identify callers, and say in headers who they are.

use std::net::IpAddr;

use axum::http::HeaderName;
use ipnet::IpNet;

use super::Requester;

/// Which proxies are believed, and what they say it with.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    /// The networks that they connect from. Nobody else is believed.
    pub networks: Vec<IpNet>,
    /// The header with the name of the caller.
    pub subject_header: HeaderName,
    /// The header with the scopes of the caller, with blanks or commas between them.
    pub scopes_header: HeaderName,
}

impl TrustedProxies {
    /// Whether what comes from `peer` is believed.
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// The caller that the headers name.
    pub fn requester(subject: &str, scopes: &str) -> Requester {
        let scopes = scopes.split([' ', ',', '\t']).filter(|scope| !scope.is_empty());
        Requester::new(Some(subject.to_owned()), scopes.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_networks_are_trusted_however_they_are_written() {
        let proxies = TrustedProxies {
            networks: vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()],
            subject_header: HeaderName::from_static("x-auth-subject"),
            scopes_header: HeaderName::from_static("x-auth-scopes"),
        };
        for (peer, trusted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("::1", true),
            ("10.2.0.1", false),
            ("::ffff:10.2.0.1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(proxies.trust(peer.parse().unwrap()), trusted, "{peer}");
        }
    }

    #[test]
    fn scopes_are_separated_by_blanks_or_commas() {
        let requester = TrustedProxies::requester("ann", " timestore:read,team-a  b ");
        assert_eq!(requester.subject.as_deref(), Some("ann"));
        assert_eq!(requester.scopes, ["timestore:read", "team-a", "b"]);
        assert!(TrustedProxies::requester("ann", "").scopes.is_empty());
    }
}
