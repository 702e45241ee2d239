//! API tokens, as administrators see them; and who the caller is.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use timestore_entity::api_token::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::error::Result;
use super::id::GlobalId;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::Plain;
use super::scalar::DateTime;
use crate::store::api_token::ApiTokenPosition;

/// What a caller identifies itself with. The token itself is not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiToken(pub Model);

impl From<Model> for ApiToken {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Plain for ApiToken {}

impl Listed for ApiToken {
    const NAME: &'static str = "ApiToken";
    type Position = ApiTokenPosition;

    fn position(&self) -> ApiTokenPosition {
        (self.0.created_at, self.0.id)
    }
}

/// What a caller identifies itself with. The token itself is not kept.
#[Object]
impl ApiToken {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::ApiToken(self.0.id).encode()
    }

    /// Who uses it, as the audit trail calls them. Several tokens may have the same name, while one takes the place of another.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The scopes that it gives.
    async fn scopes(&self) -> Vec<&str> {
        let scopes = self.0.scopes.as_array().into_iter().flatten();
        scopes.filter_map(|scope| scope.as_str()).collect()
    }

    /// Who created it; null: an unknown caller.
    async fn created_by(&self) -> Option<&str> {
        self.0.created_by.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it runs out; null: never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// When it was last used, give or take a minute; null: never.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(Into::into)
    }

    /// Who revoked it; null: an unknown caller, or nobody.
    async fn revoked_by(&self) -> Option<&str> {
        self.0.revoked_by.as_deref()
    }

    /// When it was revoked; null: it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(Into::into)
    }
}

/// Who is calling.
#[derive(SimpleObject)]
pub struct Viewer {
    /// Their name, as the audit trail has it; null for a caller who need not be identified.
    pub subject: Option<String>,
    /// The scopes that they have.
    pub scopes: Vec<String>,
    /// When what identified them runs out; null: never.
    pub expires_at: Option<DateTime>,
}

/// Queries of callers and their tokens.
#[derive(Debug, Default)]
pub struct ApiTokenQuery;

#[Object]
impl ApiTokenQuery {
    /// The API tokens, newest first, those that have run out or were revoked too. Needs `timestore:admin`.
    async fn api_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ApiToken>> {
        let list = List::of_all("apiTokens");
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let rows = ctx.store().api_token_page(&page).await?.map(Into::into);
        Ok(Connection::new(list, page, Arc::new(rows), Count::ApiTokens))
    }

    /// Who is calling, and with which scopes.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        let requester = ctx.requester();
        Viewer {
            subject: requester.subject.clone(),
            scopes: requester.scopes.clone(),
            expires_at: requester.expires_at.map(Into::into),
        }
    }
}
