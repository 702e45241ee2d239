//! API tokens: created, revoked, listed by administrators; and shown by callers.

use std::collections::HashMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::Timestamp;
use timestore_entity::api_token::{ActiveModel, Column, Entity, Model as ApiToken};
use timestore_entity::ids::ApiTokenId;

use super::access::check_holds;
use super::backend::Sql;
use super::faults::Faults;
use super::{Fault, Page, Result, Rows, Store, StoreError};
use crate::auth::token::{Secret, hash};
use crate::auth::{Requester, Scope};
use crate::model::duration::IsoDuration;
use crate::model::naming;

/// The most scopes of a token.
const MAX_SCOPES: usize = 100;

/// How exactly the last use of a token is known.
const USE_PRECISION: chrono::Duration = chrono::Duration::minutes(1);

/// Where a token stands in the list: when it was created, then its id.
pub type ApiTokenPosition = (Timestamp, ApiTokenId);

/// A token to create.
#[derive(Clone, Debug)]
pub struct ApiTokenCreate {
    /// Who uses it.
    pub name: String,
    /// The scopes that it gives.
    pub scopes: Vec<String>,
    /// How long it lasts; none: until it is revoked.
    pub expires_in: Option<IsoDuration>,
}

impl Store {
    /// Creates a token. The secret is returned this once.
    pub async fn api_token_create(
        &self,
        by: &Requester,
        input: ApiTokenCreate,
    ) -> Result<(ApiToken, Secret)> {
        check_holds(by, Scope::Admin)?;
        let now = self.clock.now();
        let mut faults = Faults::default();
        let name = faults.check(&["name"], naming::display_name(&input.name));
        if !(1..=MAX_SCOPES).contains(&input.scopes.len()) {
            faults.invalid(&["scopes"], format!("expected 1 to {MAX_SCOPES} scopes"));
        }
        for (index, scope) in input.scopes.iter().take(MAX_SCOPES).enumerate() {
            faults.check(&["scopes", &index.to_string()], naming::scope(scope));
        }
        let expires_at = input
            .expires_in
            .map(|lasts| lasts.after(now).filter(|end| *end > now));
        if expires_at == Some(None) {
            faults.invalid(
                &["expiresIn"],
                "expected a duration longer than zero, that ends before the year 10000",
            );
        }
        faults.finish()?;
        let secret = Secret::random().map_err(|error| {
            StoreError::Inconsistent(format!("the system has no random numbers: {error}"))
        })?;
        let token = ApiToken {
            id: ApiTokenId(self.clock.id()),
            name: name.unwrap_or_default(),
            hash: hash(secret.reveal()),
            scopes: json!(input.scopes),
            created_by: by.subject.clone(),
            created_at: now,
            expires_at: expires_at.flatten(),
            last_used_at: None,
            revoked_by: None,
            revoked_at: None,
        };
        let transaction = self.begin().await?;
        Entity::insert(ActiveModel::from(token.clone()))
            .exec_without_returning(&transaction)
            .await?;
        self.audit_of_all_in_txn(&transaction, by, now, "createApiToken", detail(&token))
            .await?;
        transaction.commit().await?;
        Ok((token, secret))
    }

    /// Revokes a token, from the next request on; one that is revoked stays as it is. `id` is none for a text that is no token's
    /// id.
    pub async fn api_token_revoke(&self, by: &Requester, id: Option<ApiTokenId>) -> Result<ApiToken> {
        check_holds(by, Scope::Admin)?;
        let not_found = || Fault::not_found(&["token"], "expected the id of an API token");
        let transaction = self.begin().await?;
        let locked = Entity::find_by_id(id.ok_or_else(not_found)?).lock_exclusive();
        let mut token = locked.one(&transaction).await?.ok_or_else(not_found)?;
        if token.revoked_at.is_some() {
            return Ok(token);
        }
        let now = self.clock.now();
        token.revoked_at = Some(now);
        token.revoked_by.clone_from(&by.subject);
        let row = ActiveModel {
            id: Unchanged(token.id),
            revoked_at: Set(token.revoked_at),
            revoked_by: Set(token.revoked_by.clone()),
            ..Default::default()
        };
        row.update(&transaction).await?;
        self.audit_of_all_in_txn(&transaction, by, now, "revokeApiToken", detail(&token))
            .await?;
        transaction.commit().await?;
        Ok(token)
    }

    /// The caller who shows `secret`, where that is a token that counts.
    pub async fn api_token_holder(&self, secret: &str) -> Result<Option<Requester>> {
        let found = Entity::find()
            .filter(Column::Hash.eq(hash(secret)))
            .one(self.reader.primary())
            .await?;
        let now = self.clock.now();
        let Some(token) = found.filter(|token| counts(token, now)) else {
            return Ok(None);
        };
        if token.last_used_at.is_none_or(|last| last + USE_PRECISION <= now) {
            // Nobody waits for it.
            tokio::spawn(self.clone().note_use(token.id, now));
        }
        Ok(Some(Requester {
            expires_at: token.expires_at,
            token: Some(token.id),
            ..Requester::new(Some(token.name), texts(&token.scopes))
        }))
    }

    /// Whether what identified the caller still does.
    pub async fn still_identified(&self, by: &Requester) -> Result<bool> {
        let now = self.clock.now();
        if by.expires_at.is_some_and(|end| end <= now) {
            return Ok(false);
        }
        let Some(id) = by.token else { return Ok(true) };
        let token = Entity::find_by_id(id).one(self.reader.primary()).await?;
        Ok(token.is_some_and(|token| counts(&token, now)))
    }

    /// A page of all tokens, newest first.
    pub async fn api_token_page(&self, page: &Page<ApiTokenPosition>) -> Result<Rows<ApiToken>> {
        check_holds(&self.viewer, Scope::Admin)?;
        let mut sql = Sql::new(self.reader.primary());
        let keyset = page.newest_first(&mut sql, "created_at");
        let mut conditions = vec!["true".to_owned()];
        conditions.extend(keyset.conditions);
        let text = format!(
            "select * from timestore.api_tokens where {} {}",
            conditions.join(" and "),
            keyset.order
        );
        Ok(Rows::from_query(
            page,
            sql.all(self.reader.primary(), text).await?,
        ))
    }

    /// How many tokens there are.
    pub async fn api_token_count(&self) -> Result<u64> {
        check_holds(&self.viewer, Scope::Admin)?;
        Ok(Entity::find().count(self.reader.primary()).await?)
    }

    /// The tokens with these ids.
    pub async fn api_tokens_by_id(&self, ids: &[ApiTokenId]) -> Result<HashMap<ApiTokenId, ApiToken>> {
        if !self.viewer.holds(Scope::Admin) {
            return Ok(HashMap::new());
        }
        let select = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
        let tokens = select.all(self.reader.primary()).await?;
        Ok(tokens.into_iter().map(|token| (token.id, token)).collect())
    }

    async fn note_use(self, id: ApiTokenId, now: Timestamp) {
        let noted = Entity::update_many()
            .col_expr(Column::LastUsedAt, now.into())
            .filter(Column::Id.eq(id))
            .exec(&self.writer)
            .await;
        if let Err(error) = noted {
            tracing::warn!(error = %error, "the use of an API token is not noted");
        }
    }
}

fn counts(token: &ApiToken, now: Timestamp) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now)
}

fn texts(list: &Json) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn detail(token: &ApiToken) -> Json {
    json!({ "token": token.id, "name": token.name, "scopes": token.scopes, "expiresAt": token.expires_at })
}
