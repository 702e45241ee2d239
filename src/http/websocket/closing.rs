//! Why a connection is closed, as the close frame says it.

use axum::extract::ws::CloseFrame;

/// The longest reason that a close frame holds, in bytes.
const MAX_REASON: usize = 123;

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The client has closed it, or is gone.
    Gone,
    /// The gateway stops.
    GoingAway,
    /// The client reads nothing, or answers no ping.
    Unresponsive,
    /// A message is larger than so many bytes, the most that is read.
    TooLarge(usize),
    /// A message is none of the protocol.
    InvalidMessage(String),
    /// An operation came before `connection_init`.
    Unauthorized,
    /// `connection_init` shows nothing that counts.
    Forbidden(String),
    /// `connection_init` did not come in time.
    InitTimeout,
    /// The id of an operation that is under way came again.
    DuplicateId(String),
    /// `connection_init` came again.
    TooManyInits,
}

impl Closing {
    /// What the client is told; nothing when it is gone.
    pub(super) fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::GoingAway => (1001, "the gateway is stopping".to_owned()),
            Self::Unresponsive => (
                1008,
                "slow consumer: nothing was read for too long; continue after the last cursor".to_owned(),
            ),
            Self::TooLarge(most) => (1009, format!("expected a message of at most {most} bytes")),
            Self::InvalidMessage(reason) => (4400, reason),
            Self::Unauthorized => (4401, "Unauthorized".to_owned()),
            Self::Forbidden(reason) => (4403, reason),
            Self::InitTimeout => (4408, "Connection initialisation timeout".to_owned()),
            Self::DuplicateId(id) => (4409, format!("Subscriber for {id} already exists")),
            Self::TooManyInits => (4429, "Too many initialisation requests".to_owned()),
        };
        Some(CloseFrame {
            code,
            reason: shortened(reason).into(),
        })
    }
}

/// As much of a reason as a close frame holds.
fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(MAX_REASON));
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_a_close_frame() {
        let frame = Closing::DuplicateId("é".repeat(100)).frame().unwrap();
        assert_eq!(frame.code, 4409);
        assert_eq!(
            frame.reason.as_str(),
            format!("Subscriber for {}", "é".repeat(54))
        );
        assert_eq!(Closing::Unresponsive.frame().unwrap().reason.len(), 76);
        assert_eq!(Closing::Gone.frame(), None);
    }
}
