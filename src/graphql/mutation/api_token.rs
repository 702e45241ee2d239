//! `createApiToken` and `revokeApiToken`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::graphql::api_token::ApiToken;
use crate::graphql::context::ContextExt;
use crate::graphql::id::GlobalId;
use crate::graphql::scalar::Duration;
use crate::graphql::user_error::{UserError, settle};
use crate::model::duration::IsoDuration;
use crate::store::api_token::ApiTokenCreate;

/// Mutations of API tokens.
#[derive(Default)]
pub struct ApiTokenMutation;

#[Object]
impl ApiTokenMutation {
    /// Creates an API token. The secret is shown this once, and not kept. Needs `timestore:admin`.
    async fn create_api_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: CreateApiTokenInput,
    ) -> Result<CreateApiTokenPayload> {
        let create = ApiTokenCreate {
            name: input.name,
            scopes: input.scopes,
            expires_in: input.expires_in.map(|lasts| lasts.0),
        };
        let result = ctx.store().api_token_create(ctx.requester(), create).await;
        let (created, user_errors) = settle(ctx, &[], result).await?;
        let (token, secret) = created.unzip();
        Ok(CreateApiTokenPayload {
            token: token.map(Into::into),
            secret: secret.map(|secret| secret.reveal().to_owned()),
            user_errors,
        })
    }

    /// Revokes an API token: no request is answered to it any more, and streams that it began end within seconds. Revoking it again
    /// changes nothing. Needs `timestore:admin`.
    async fn revoke_api_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: RevokeApiTokenInput,
    ) -> Result<RevokeApiTokenPayload> {
        let id = GlobalId::api_token(&input.token);
        let result = ctx.store().api_token_revoke(ctx.requester(), id).await;
        let (token, user_errors) = settle(ctx, &[], result.map(ApiToken::from)).await?;
        Ok(RevokeApiTokenPayload { token, user_errors })
    }
}

/// An API token to create.
#[derive(Debug, InputObject)]
pub struct CreateApiTokenInput {
    /// Who uses it, as the audit trail is to call them.
    pub name: String,
    /// The scopes that it gives, 1 to 100: `timestore:read`, `timestore:write`, `timestore:admin`, and those that datasets name as
    /// their own.
    pub scopes: Vec<String>,
    /// How long it lasts. Null: until it is revoked.
    #[graphql(default_with = "Some(Duration(IsoDuration::days(90)))")]
    pub expires_in: Option<Duration>,
}

/// An API token to revoke.
#[derive(Debug, InputObject)]
pub struct RevokeApiTokenInput {
    /// The global id of the token.
    pub token: ID,
}

/// The token that was created.
#[derive(SimpleObject)]
pub struct CreateApiTokenPayload {
    /// What is kept of it; null when the request was refused.
    pub token: Option<ApiToken>,
    /// The token itself, for the header `Authorization: Bearer …`. It cannot be asked for again. Null when the request was refused.
    pub secret: Option<String>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The token as it is now.
#[derive(SimpleObject)]
pub struct RevokeApiTokenPayload {
    /// The token; null when the request was refused.
    pub token: Option<ApiToken>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}
