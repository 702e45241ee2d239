//! When what a version changed was: pages of files of other times are the same in the version before.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261128_000024_changed_times",
    up: &[UP],
    down: &[
        "alter table manifests drop column changed_start_time;\nalter table manifests drop column changed_end_time;\n",
    ],
};

const UP: &str = "
alter table manifests add column changed_start_time timestamptz;
alter table manifests add column changed_end_time timestamptz;
";
