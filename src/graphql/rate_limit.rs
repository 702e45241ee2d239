//! What is left to the caller: `rateLimit`.

use async_graphql::{Context, Object, SimpleObject};

use super::rate::Balance;
use super::scalar::{BigInt, DateTime};
use crate::store::Clock;
use crate::store::clock::SystemClock;

/// What a caller may still ask for. A bucket that fills at a steady pace; what requests cost is taken out of it.
#[derive(SimpleObject)]
pub struct RateLimit {
    /// What the bucket holds when it is full.
    limit: i32,
    /// What is left in it, after this request.
    remaining: i32,
    /// When it is full again, if nothing more is asked for.
    reset_at: DateTime,
    /// What this request costs: how many fields its answer has when every page is full.
    cost: BigInt,
}

impl From<&Balance> for RateLimit {
    fn from(balance: &Balance) -> Self {
        let full_in = chrono::Duration::from_std(balance.full_in).unwrap_or_default();
        Self {
            limit: i32::try_from(balance.limit).unwrap_or(i32::MAX),
            remaining: i32::try_from(balance.remaining).unwrap_or(i32::MAX),
            reset_at: (SystemClock.now() + full_in).into(),
            cost: BigInt(i64::try_from(balance.cost).unwrap_or(i64::MAX)),
        }
    }
}

/// Queries of what is left to the caller.
#[derive(Debug, Default)]
pub struct RateLimitQuery;

#[Object]
impl RateLimitQuery {
    /// What is left to the caller; null where the gateway has no rate limit.
    async fn rate_limit(&self, ctx: &Context<'_>) -> Option<RateLimit> {
        ctx.data_opt::<Balance>().map(Into::into)
    }
}
