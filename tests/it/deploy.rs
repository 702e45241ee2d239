//! The examples in `deploy/`: settings that exist, probes that are served, and no more rights than needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde_json::{Value, json};
use timestore_gateway::cli::Cli;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deploy().join(path)).unwrap()
}

/// All flags and environment variables of all commands.
fn settings() -> BTreeSet<String> {
    let mut commands = vec![Cli::command()];
    let mut settings = BTreeSet::new();
    while let Some(command) = commands.pop() {
        for argument in command.get_arguments() {
            settings.extend(argument.get_long().map(|long| format!("--{long}")));
            settings.extend(argument.get_env().map(|env| env.to_string_lossy().into_owned()));
        }
        settings.extend(
            command
                .get_subcommands()
                .map(|command| command.get_name().to_owned()),
        );
        commands.extend(command.get_subcommands().cloned());
    }
    settings
}

fn is_flag(word: &str) -> bool {
    word.strip_prefix("--")
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// What looks like a setting of ours in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .filter(|word| word.starts_with("TIMESTORE_") || word.starts_with("OTEL_") || is_flag(word))
        .map(str::to_owned)
        .collect()
}

fn manifests(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap()
}

/// The one container of a manifest that runs pods.
fn container(manifest: &Value) -> &Value {
    let containers = manifest["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(containers.len(), 1);
    &containers[0]
}

#[test]
fn every_setting_that_is_named_exists() {
    let known = settings();
    for path in [
        "systemd/timestore.service",
        "systemd/timestore.env",
        "kubernetes/gateway.yaml",
        "kubernetes/migrate.yaml",
    ] {
        let named = named(&read(path));
        assert!(!named.is_empty(), "{path}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

#[test]
fn pods_run_without_rights_and_within_limits() {
    let pods = [
        &manifests("kubernetes/gateway.yaml")[0],
        &manifests("kubernetes/migrate.yaml")[0],
    ]
    .map(Value::clone);
    for manifest in &pods {
        let pod = &manifest["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let container = container(manifest);
        assert_eq!(
            container["securityContext"],
            json!({ "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })
        );
        for limit in ["cpu", "memory"] {
            assert!(container["resources"]["limits"][limit].is_string(), "{limit}");
        }
        let env = container["env"].as_array().unwrap();
        let url = env
            .iter()
            .find(|env| env["name"] == "TIMESTORE_DATABASE_URL")
            .unwrap();
        assert!(
            url["valueFrom"]["secretKeyRef"].is_object(),
            "a secret is not written down"
        );
        let known = settings();
        for argument in container["args"].as_array().unwrap() {
            assert!(known.contains(argument.as_str().unwrap()), "{argument}");
        }
    }
}

#[test]
fn kubernetes_asks_whether_the_gateway_runs_and_is_ready() {
    let manifests = manifests("kubernetes/gateway.yaml");
    let kinds: Vec<_> = manifests
        .iter()
        .map(|manifest| manifest["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]
    );
    let container = container(&manifests[0]);
    let probe = |name: &str| &container[name]["httpGet"];
    assert_eq!(
        probe("livenessProbe"),
        &json!({ "path": "/healthz", "port": "http" })
    );
    assert_eq!(
        probe("readinessProbe"),
        &json!({ "path": "/readyz", "port": "http" })
    );
    let ports: Vec<_> = container["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| &port["name"])
        .collect();
    assert_eq!(ports, ["http", "metrics"]);
    // Selectors that select nothing would be accepted.
    let labels = &manifests[0]["spec"]["template"]["metadata"]["labels"];
    for selector in [
        &manifests[0]["spec"]["selector"]["matchLabels"],
        &manifests[1]["spec"]["selector"],
        &manifests[2]["spec"]["selector"]["matchLabels"],
        &manifests[3]["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
}
