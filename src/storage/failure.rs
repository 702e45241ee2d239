//! What the errors of `object_store` mean: whether a file or its whole container is absent, whether trying again can help.
//!
//! The crate keeps status and body of an answer to itself, but for their text at the end of the chain of sources, so that
//! is what is read. That text holds no address, and hence no signature.

use std::error::Error as StdError;

use object_store::Error;

use super::StorageError;

/// The longest excerpt of an answer that goes into a message, in characters.
const EXCERPT: usize = 300;

/// What a storage says is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// The file.
    File,
    /// What should hold it; or it does not say.
    Container,
}

/// What is absent, if `error` says that something is. A file counts as absent only where the storage names the file:
/// a wrong endpoint or a missing bucket answers 404, too, and the file may well be elsewhere.
pub(super) fn absent(error: &Error) -> Option<Absent> {
    let Error::NotFound { source, .. } = error else {
        return None;
    };
    let said = innermost(source.as_ref());
    let names_file = ["NoSuchKey", "BlobNotFound", "blob does not exist"];
    Some(if names_file.iter().any(|name| said.contains(name)) {
        Absent::File
    } else {
        Absent::Container
    })
}

/// `error` in our terms.
pub(super) fn storage_error(error: &Error) -> StorageError {
    let said = excerpt(&innermost(error));
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StorageError::Denied(said),
        Error::NotFound { .. } => {
            StorageError::Refused(format!("there is no such bucket or container: {said}"))
        }
        Error::InvalidPath { .. } => {
            StorageError::Refused(format!("the storage holds a name that cannot be a path: {said}"))
        }
        Error::NotSupported { .. } | Error::NotImplemented { .. } | Error::UnknownConfigurationKey { .. } => {
            StorageError::Refused(said)
        }
        // Where there is such a service it may be back soon, and where there is none the message says what to do.
        _ if asks_machine(error) => StorageError::Unavailable(format!(
            "no credentials are in the environment, and the machine's metadata service gives none: {said}"
        )),
        _ => match status(&said) {
            Some(401 | 403) => StorageError::Denied(said),
            Some(408 | 409 | 412 | 423 | 429) => StorageError::Unavailable(said),
            Some(300..500) => StorageError::Refused(said),
            None if said.contains("redirect without LOCATION") => StorageError::Refused(said),
            _ => StorageError::Unavailable(said),
        },
    }
}

/// What went wrong while a client was built, which reads credentials and asks nobody.
pub(super) fn build_error(error: &Error) -> StorageError {
    StorageError::Credentials(excerpt(&innermost(error)))
}

/// Whether it failed to ask the machine's metadata service, which happens where no credentials are set.
fn asks_machine(error: &Error) -> bool {
    let said = error.to_string();
    [
        "http://169.254.169.254",
        "metadata.google.internal",
        "metadata/identity",
    ]
    .iter()
    .any(|address| said.contains(address))
}

/// The text of the last source.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The HTTP status that a text speaks of: `status code: 403 Forbidden` of an answer, `(code: 403)` of a part of one.
fn status(said: &str) -> Option<u16> {
    ["status code: ", "(code: "].iter().find_map(|before| {
        let (_, rest) = said.split_once(before)?;
        rest.get(..3)?.parse().ok()
    })
}

/// An error document's code and message, or what else was said, on one line and not too long.
fn excerpt(said: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text)
    };
    let text = match (element("Code"), element("Message")) {
        (Some(code), message) => {
            // The beginning is the status.
            let status = said.split('<').next().unwrap_or_default();
            let message = message.unwrap_or_default().lines().next().unwrap_or_default();
            format!("{status}{code}: {message}")
        }
        _ => said.to_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        None => line,
        Some((at, _)) => format!("{}…", &line[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(said: &str) -> StorageError {
        storage_error(&Error::Generic {
            store: "S3",
            source: said.to_owned().into(),
        })
    }

    fn not_found(said: &str) -> Error {
        Error::NotFound {
            path: "a".to_owned(),
            source: said.to_owned().into(),
        }
    }

    #[test]
    fn statuses_tell_what_can_pass() {
        let answered = |status: &str| generic(&format!("Server returned non-2xx status code: {status}: "));
        for status in [
            "500 Internal Server Error",
            "503 Service Unavailable",
            "429 Too Many Requests",
            "409 Conflict",
        ] {
            assert!(answered(status).is_transient(), "{status}");
        }
        for status in [
            "400 Bad Request",
            "405 Method Not Allowed",
            "301 Moved Permanently",
        ] {
            assert!(!answered(status).is_transient(), "{status}");
        }
        assert!(matches!(answered("403 Forbidden"), StorageError::Denied(_)));
        assert!(matches!(
            generic("Bulk delete request failed for key a: No access (code: 403)"),
            StorageError::Denied(_)
        ));
        assert!(generic("Connection refused (os error 111)").is_transient());
        assert!(!generic("Received redirect without LOCATION, this normally indicates …").is_transient());
    }

    #[test]
    fn a_machine_without_a_metadata_service_has_no_credentials() {
        for address in [
            "http://169.254.169.254/latest/api/token",
            "http://metadata.google.internal/computeMetadata/v1/instance",
            "http://169.254.169.254/metadata/identity/oauth2/token",
        ] {
            let error = generic(&format!(
                "Error performing GET {address} in 3ms - Connection refused"
            ));
            assert!(
                error
                    .to_string()
                    .starts_with("no credentials are in the environment")
            );
            assert!(error.is_transient());
        }
    }

    #[test]
    fn an_absent_bucket_is_not_an_absent_file() {
        let said = |code: &str| {
            not_found(&format!(
                "status code: 404 Not Found: <Error><Code>{code}</Code></Error>"
            ))
        };
        assert_eq!(absent(&said("NoSuchKey")), Some(Absent::File));
        assert_eq!(absent(&said("BlobNotFound")), Some(Absent::File));
        let part = "Bulk delete request failed for key a: The specified blob does not exist. (code: 404)";
        assert_eq!(absent(&not_found(part)), Some(Absent::File));
        for code in ["NoSuchBucket", "ContainerNotFound"] {
            assert_eq!(absent(&said(code)), Some(Absent::Container));
        }
        assert_eq!(
            absent(&not_found("status code: 404 Not Found: <html>")),
            Some(Absent::Container)
        );
        assert!(!storage_error(&said("NoSuchBucket")).is_transient());
    }

    #[test]
    fn messages_are_short_and_on_one_line() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\
                    <Message>Access Denied</Message><RequestId>x</RequestId></Error>";
        assert_eq!(
            generic(body).to_string(),
            "access denied: Server returned non-2xx status code: 403 Forbidden: AccessDenied: Access Denied"
        );
        assert!(generic(&"ü\n".repeat(1_000)).to_string().chars().count() <= EXCERPT + 1);
    }
}
