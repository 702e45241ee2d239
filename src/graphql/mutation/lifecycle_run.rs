//! `triggerLifecycleRun` and `cancelLifecycleRun`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::enums::LifecycleRunKind;
use crate::graphql::id::GlobalId;
use crate::graphql::lifecycle_run::LifecycleRun;
use crate::graphql::reference::DatasetRefInput;
use crate::graphql::user_error::{UserError, settle};
use crate::store::lifecycle_run::LifecycleRunRequest;

/// Mutations of lifecycle runs.
#[derive(Default)]
pub struct LifecycleRunMutation;

#[Object]
impl LifecycleRunMutation {
    /// Asks for a run of the lifecycle worker. A gateway that keeps the lifecycle schedule (`timestore serve --lifecycle`) begins
    /// it within seconds, after those that were asked for before; until there is one, it waits. Where an equal run is waiting
    /// already, that one is the answer.
    async fn trigger_lifecycle_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do.")] input: TriggerLifecycleRunInput,
    ) -> Result<TriggerLifecycleRunPayload> {
        let request = LifecycleRunRequest {
            kind: input.kind.into(),
            dataset: input.dataset.map(DatasetRefInput::into_store),
        };
        let named: Vec<_> = request.dataset.iter().cloned().collect();
        let result = ctx.store().lifecycle_run_request(ctx.requester(), request).await;
        let (run, user_errors) = settle(ctx, &named, result.map(LifecycleRun::from)).await?;
        Ok(TriggerLifecycleRunPayload { run, user_errors })
    }

    /// Asks for the end of a lifecycle run: one that waits is skipped, one that is under way stops after its current step, within
    /// seconds. Nothing is taken back. Cancelling a run that has ended changes nothing.
    async fn cancel_lifecycle_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] input: CancelLifecycleRunInput,
    ) -> Result<CancelLifecycleRunPayload> {
        let id = GlobalId::lifecycle_run(&input.run);
        let result = ctx.store().lifecycle_run_cancel(ctx.requester(), id).await;
        let (run, user_errors) = settle(ctx, &[], result.map(LifecycleRun::from)).await?;
        Ok(CancelLifecycleRunPayload { run, user_errors })
    }
}

/// A run to ask for.
#[derive(Debug, InputObject)]
pub struct TriggerLifecycleRunInput {
    /// What it does.
    pub kind: LifecycleRunKind,
    /// Only for this dataset, which only `RETENTION` and `HISTORY` can be; all of them when omitted.
    pub dataset: Option<DatasetRefInput>,
}

/// A run to cancel.
#[derive(Debug, InputObject)]
pub struct CancelLifecycleRunInput {
    /// The global id of the run.
    pub run: ID,
}

/// The run that was asked for.
#[derive(SimpleObject)]
pub struct TriggerLifecycleRunPayload {
    /// The run; null when the request was refused.
    pub run: Option<LifecycleRun>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The run as it is now.
#[derive(SimpleObject)]
pub struct CancelLifecycleRunPayload {
    /// The run; null when the request was refused.
    pub run: Option<LifecycleRun>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}
