//! An empty table, which publishes lock while they are under way, so that others can wait for them.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261128_000025_publishing",
    up: &["-- postgres\ncreate table publishing ();\n"],
    down: &["-- postgres\ndrop table publishing;\n"],
};
