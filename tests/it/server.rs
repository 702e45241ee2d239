//! Connections: clients that are slow, that want headers in a certain spelling, and that speak TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::support::database::TestDatabase;
use crate::support::process::Process;

/// Sends this, and returns all that comes until the gateway closes the connection.
fn exchange(gateway: &Process, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_slow_with_its_headers_is_cut_off() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start_with(&database, &["--header-timeout=PT1S"]);
    for begun in [
        "",
        "GET /healthz HTTP/1.1\r\nHost:",
        "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-",
    ] {
        let answer = exchange(&gateway, begun.as_bytes());
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
    // So is one that keeps a connection for nothing.
    let answer = exchange(&gateway, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_are_closed_at_once_and_the_others_served() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start_with(&database, &["--max-connections=2"]);
    const PROBE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let open = || {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        let mut byte = [0];
        let answered = stream
            .write_all(PROBE)
            .and_then(|()| stream.read_exact(&mut byte));
        answered.is_ok().then_some(stream)
    };
    // The probe that waited for the gateway may not be gone yet.
    let mut held = Vec::new();
    while held.len() < 2 {
        held.extend(open());
    }
    assert!(open().is_none());
    held.pop();
    while open().is_none() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_are_spelt_as_older_clients_look_for_them() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    // Ends with a frame that closes the WebSocket again.
    let answer = exchange(
        &gateway,
        b"GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n\x88\x80\0\0\0\0",
    );
    assert!(
        answer.contains("\r\nSec-Websocket-Protocol: graphql-transport-ws\r\n"),
        "{answer}"
    );
}

/// Writes a new certificate for `localhost`, and its key; returns the certificate.
fn certify(directory: &Path) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("certificate.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.pem()
}

/// What `/healthz` answers to a client that trusts this certificate alone.
fn health(gateway: &Process, trusted: &str) -> Result<String, ureq::Error> {
    let root = Certificate::from_pem(trusted.as_bytes()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root]));
    let agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .build()
        .new_agent();
    let (_, port) = gateway.address().rsplit_once(':').unwrap();
    agent
        .get(format!("https://localhost:{port}/healthz"))
        .call()?
        .body_mut()
        .read_to_string()
}

/// Whether `timestore health` finds the gateway ready, with these arguments and the variables that the gateway has.
fn is_healthy(gateway: &Process, certificate: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timestore"));
    command.arg("health").args(arguments);
    command.env("TIMESTORE_LISTEN", gateway.address());
    command.env("TIMESTORE_TLS_CERTIFICATE", certificate);
    command.output().unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_the_present_certificate() {
    let database = TestDatabase::sqlite().await;
    let directory = std::env::temp_dir().join(format!("timestore-tls-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let first = certify(&directory);
    let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let arguments = [
        "--tls-certificate",
        &path("certificate.pem"),
        "--tls-key",
        &path("key.pem"),
    ];
    let gateway = Process::start_with(&database, &arguments);
    assert_eq!(health(&gateway, &first).unwrap(), "ok\n");
    // The probe of a container needs no more than the gateway's own variables. Whoever names a gateway wants that one.
    assert!(is_healthy(&gateway, &path("certificate.pem"), &[]));
    let named = format!("--url=https://{}", gateway.address());
    assert!(!is_healthy(&gateway, &path("certificate.pem"), &[&named]));
    let second = certify(&directory);
    assert!(
        health(&gateway, &second).is_err(),
        "nobody has asked for the new one yet"
    );
    let hangup = Command::new("kill")
        .args(["-HUP", &gateway.id().to_string()])
        .status()
        .unwrap();
    assert!(hangup.success());
    while health(&gateway, &second).is_err() {
        std::thread::yield_now();
    }
    assert!(health(&gateway, &first).is_err());
    // What cannot be used is left alone.
    std::fs::write(directory.join("key.pem"), "no key").unwrap();
    Command::new("kill")
        .args(["-HUP", &gateway.id().to_string()])
        .status()
        .unwrap();
    while !gateway
        .said()
        .iter()
        .any(|line| line.contains("the last one stays"))
    {
        std::thread::yield_now();
    }
    assert_eq!(health(&gateway, &second).unwrap(), "ok\n");
    assert!(gateway.terminate().success());
    std::fs::remove_dir_all(&directory).unwrap();
}
