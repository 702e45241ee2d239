//! How much each caller may ask for: everyone has a bucket, which fills at a steady pace, and out of which the cost of each
//! operation is taken.
//!
//! Buckets are those of this process. A caller is who it says it is, as far as that was proved, or the address that it calls from.

use std::any::TypeId;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_graphql::indexmap::IndexMap;
use async_graphql::{Data, Name, Value};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::error::{Code, Error, Result};
use crate::auth::Requester;

/// After so many operations the buckets that are full again are forgotten.
const TIDY_EVERY: u32 = 1_000;

/// How much each caller may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What a bucket gains in a minute.
    pub per_minute: NonZeroU32,
    /// What a bucket holds.
    pub burst: NonZeroU32,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub IpAddr);

/// What is left to a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balance {
    /// What the operation cost.
    pub cost: u64,
    /// What the bucket holds.
    pub limit: u32,
    /// What is left in it.
    pub remaining: u32,
    /// How long it takes to be full again.
    pub full_in: Duration,
}

/// What an operation costs, and what is left where there is a limit, as `extensions.cost` tells it.
pub(super) fn extension(cost: u64, balance: Option<&Balance>) -> Value {
    let mut told = IndexMap::new();
    let mut tell = |name, number: u64| drop(told.insert(Name::new(name), Value::Number(number.into())));
    tell("requested", cost);
    if let Some(balance) = balance {
        tell("limit", balance.limit.into());
        tell("remaining", balance.remaining.into());
        tell("resetAfter", balance.full_in.as_secs_f64().ceil() as u64);
    }
    Value::Object(told)
}

type Limiter = RateLimiter<String, HashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The buckets of all callers.
pub struct Buckets {
    rate: Rate,
    limiter: Limiter,
    spent: AtomicU32,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Buckets {
    /// Buckets that are full.
    pub fn new(rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self {
            rate,
            limiter: RateLimiter::hashmap(quota).with_middleware(),
            spent: AtomicU32::new(0),
        }
    }

    /// Takes what an operation costs out of the caller's bucket, or nothing where there is too little in it.
    pub fn spend(&self, caller: &str, cost: u64) -> Result<Balance> {
        if self.spent.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let units = u32::try_from(cost.max(1)).ok().and_then(NonZeroU32::new);
        let checked = units.map(|units| self.limiter.check_key_n(&caller.to_owned(), units));
        match checked {
            Some(Ok(Ok(state))) => Ok(self.balance(cost, state.remaining_burst_capacity())),
            Some(Ok(Err(not_until))) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs_f64().ceil().max(1.0) as i32;
                let message = format!("the request costs {cost}, and less is left; repeat it in {seconds} s");
                Err(Error::new(Code::RateLimited, message).retry_after(seconds))
            }
            Some(Err(_)) | None => {
                let message = format!(
                    "the request costs {cost}, and a caller may spend {} at once: ask for smaller pages",
                    self.rate.burst
                );
                Err(Error::new(Code::RateLimited, message))
            }
        }
    }

    fn balance(&self, cost: u64, remaining: u32) -> Balance {
        let missing = self.rate.burst.get().saturating_sub(remaining);
        Balance {
            cost,
            limit: self.rate.burst.get(),
            remaining,
            full_in: Duration::from_secs_f64(
                f64::from(missing) * 60.0 / f64::from(self.rate.per_minute.get()),
            ),
        }
    }
}

/// Who sent a request, as far as buckets go; `session` is what is known of its connection.
pub fn caller(requester: &Requester, request: &Data, session: &Data) -> String {
    let address = [request, session]
        .into_iter()
        .find_map(|data| data.get(&TypeId::of::<Address>())?.downcast_ref());
    match (&requester.subject, address) {
        (Some(subject), _) => format!("subject {subject}"),
        (None, Some(Address(IpAddr::V4(address)))) => format!("address {address}"),
        // Whoever has one address of IPv6 has all that begin the same.
        (None, Some(Address(IpAddr::V6(address)))) => format!("network {:x?}", &address.segments()[..4]),
        (None, None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(per_minute: u32, burst: u32) -> Buckets {
        Buckets::new(Rate {
            per_minute: NonZeroU32::new(per_minute).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        })
    }

    #[test]
    fn each_caller_spends_its_own_and_no_more() {
        // So slow that nothing comes in while the test runs.
        let buckets = buckets(1, 100);
        let balance = buckets.spend("ann", 60).unwrap();
        assert_eq!((balance.cost, balance.limit, balance.remaining), (60, 100, 40));
        assert_eq!(balance.full_in, Duration::from_secs(3600));
        let error = buckets.spend("ann", 41).unwrap_err();
        assert_eq!(error.code(), Code::RateLimited);
        assert_eq!(buckets.spend("ann", 40).unwrap().remaining, 0);
        assert_eq!(buckets.spend("ben", 100).unwrap().remaining, 0);
        assert!(
            buckets
                .spend("cem", 101)
                .unwrap_err()
                .message()
                .contains("smaller pages")
        );
        assert!(buckets.spend("cem", u64::MAX).is_err());
    }

    #[test]
    fn a_caller_is_its_name_or_its_address() {
        let ann = Requester::new(Some("ann".to_owned()), Vec::new());
        let (nobody, none) = (Requester::default(), Data::default());
        let at = |address: &str| {
            let mut data = Data::default();
            data.insert(Address(address.parse().unwrap()));
            data
        };
        assert_eq!(caller(&ann, &at("10.0.0.1"), &none), "subject ann");
        assert_eq!(caller(&nobody, &at("10.0.0.1"), &none), "address 10.0.0.1");
        assert_eq!(caller(&nobody, &none, &at("10.0.0.1")), "address 10.0.0.1");
        let network = |address| caller(&nobody, &at(address), &none);
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(caller(&nobody, &none, &none), "unknown");
    }
}
