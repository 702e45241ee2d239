//! A walk over the schema: every root field, asked for by a caller who is nobody, by those who may not and by those who may.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use timestore_gateway::auth::Scope;

use super::cases::{Case, Needs, cases};
use super::{Callers, Names, catalog, names_of_private};
use crate::support::app::App;
use crate::support::both;
use crate::support::database::TestDatabase;

both! {
    every_root_field_has_its_cases,
    nobody_gets_anything,
    what_a_caller_may_not_see_is_not_there,
    what_a_caller_may_not_do_is_forbidden,
    who_may_can,
}

impl Callers {
    /// Those who lack a global scope.
    pub(super) fn without(&self, scope: Scope) -> Vec<&App> {
        let team = [&self.stranger, &self.member, &self.publisher];
        let more: &[&App] = match scope {
            Scope::Read => &[],
            Scope::Write => &[&self.reader],
            Scope::Admin => &[&self.reader, &self.writer],
        };
        [&team[..], more].concat()
    }

    /// Those who may not see the private dataset.
    pub(super) fn outsiders(&self) -> [&App; 3] {
        [&self.stranger, &self.reader, &self.writer]
    }

    /// Those who may do what needs this.
    pub(super) fn able(&self, needs: Needs) -> Vec<&App> {
        match needs {
            Needs::Nothing => vec![&self.stranger, &self.reader, &self.publisher, &self.admin],
            Needs::Global(Scope::Read) => vec![&self.reader, &self.writer, &self.admin],
            Needs::Global(Scope::Write) => vec![&self.writer, &self.admin],
            Needs::Global(Scope::Admin) => vec![&self.admin],
            Needs::ToRead => vec![&self.member, &self.publisher, &self.admin],
            Needs::ToWrite => vec![&self.publisher, &self.admin],
        }
    }
}

async fn answer(app: &App, case: &Case) -> Value {
    app.execute(&case.document, case.variables.clone()).await
}

/// The code of the one error of an answer, and the scopes that it names.
fn error(answer: &Value) -> (Value, Value) {
    let extensions = &answer["errors"][0]["extensions"];
    (extensions["code"].clone(), extensions["scopes"].clone())
}

async fn every_root_field_has_its_cases(database: TestDatabase) {
    let (callers, names) = catalog(&database).await;
    let document = "{ __schema { queryType { fields { name } } mutationType { fields { name } } subscriptionType { fields { name } } } }";
    let data = callers.admin.query(document, json!({})).await;
    let fields = |root: &str| -> BTreeSet<String> {
        let fields = data["__schema"][root]["fields"].as_array().expect("fields");
        fields
            .iter()
            .map(|field| field["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let cases: BTreeSet<String> = cases(&names).iter().map(|case| case.field.to_owned()).collect();
    assert_eq!(&fields("queryType") | &fields("mutationType"), cases);
    // Its cases are in `feed`.
    assert_eq!(fields("subscriptionType"), BTreeSet::from(["changes".to_owned()]));
}

async fn nobody_gets_anything(database: TestDatabase) {
    let (callers, names) = catalog(&database).await;
    for case in cases(&names) {
        let answer = answer(&callers.anonymous, &case).await;
        assert_eq!(error(&answer).0, "UNAUTHENTICATED", "{}: {answer}", case.field);
        assert_eq!(answer.get("data"), None, "{}", case.field);
    }
}

async fn what_a_caller_may_not_see_is_not_there(database: TestDatabase) {
    let (callers, names) = catalog(&database).await;
    let absent = Names::of_nothing();
    let cases = cases(&names).into_iter().zip(cases(&absent));
    for (hidden, absent_case) in
        cases.filter(|(case, _)| matches!(case.needs, Needs::ToRead | Needs::ToWrite))
    {
        for outsider in callers.outsiders() {
            let (hidden_answer, hidden_work) = outsider.statements_of(answer(outsider, &hidden)).await;
            let (absent_answer, absent_work) = outsider.statements_of(answer(outsider, &absent_case)).await;
            let hidden_answer = absent.in_place_of(&names, &hidden_answer);
            assert_eq!(hidden_answer, absent_answer, "{}", hidden.field);
            // Not even the time that it takes tells.
            assert_eq!(
                without_tokens(hidden_work),
                without_tokens(absent_work),
                "{}",
                hidden.field
            );
        }
    }
}

/// The statements in a fixed order: those of one step go out together. The use of a token is noted whenever there is time.
fn without_tokens(mut statements: Vec<String>) -> Vec<String> {
    statements.retain(|sql| !sql.contains("api_tokens"));
    statements.sort();
    statements
}

async fn what_a_caller_may_not_do_is_forbidden(database: TestDatabase) {
    let (callers, names) = catalog(&database).await;
    for case in cases(&names) {
        let (unable, needed) = match case.needs {
            Needs::Nothing | Needs::ToRead => continue,
            // Whoever lacks a lesser scope as well may be told of that one first.
            Needs::Global(scope) => (callers.without(scope), up_to(scope)),
            Needs::ToWrite => (vec![&callers.member], vec![json!(["team:write"])]),
        };
        for caller in unable {
            let before = callers.admin.catalog().await;
            let answer = answer(caller, &case).await;
            let (code, scopes) = error(&answer);
            assert_eq!(code, "FORBIDDEN", "{}: {answer}", case.field);
            assert!(needed.contains(&scopes), "{}: {answer}", case.field);
            let mut after = callers.admin.catalog().await;
            let events = after["rows"]["audit_events"]
                .as_i64()
                .zip(before["rows"]["audit_events"].as_i64());
            let is_mutation = case.document.starts_with("mutation");
            assert_eq!(
                events.map(|(after, before)| after - before),
                Some(i64::from(is_mutation)),
                "{}",
                case.field
            );
            after["rows"]["audit_events"] = before["rows"]["audit_events"].clone();
            assert_eq!(after, before, "{}", case.field);
        }
    }
}

fn up_to(scope: Scope) -> Vec<Value> {
    let lesser = Scope::ALL.into_iter().filter(|one| *one <= scope);
    lesser.map(|one| json!([one.as_str()])).collect()
}

async fn who_may_can(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let absent = cases(&Names::of_nothing());
    for (index, absent) in absent.iter().enumerate() {
        for caller in callers.able(absent.needs) {
            let names = names_of_private(&callers.admin).await;
            let case = cases(&names).swap_remove(index);
            let found = answer(caller, &case).await;
            assert_eq!(found.get("errors"), None, "{}: {found}", case.field);
            if matches!(case.needs, Needs::ToRead | Needs::ToWrite) {
                assert_ne!(found, answer(caller, absent).await, "{}", case.field);
            }
        }
    }
}
