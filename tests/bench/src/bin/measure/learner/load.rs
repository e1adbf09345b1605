//! What a sweep weighs policies by: a workload that stays as it is, a real program, or a scenario.

use crate::allocators::Subject;
use crate::learner::scene::Scene;
use crate::learner::statistics::Cost;
use crate::suite::Task;

/// Real programs run at this part of what the other tables have, where they can be made shorter: redis
/// would take ten seconds, and it is run a hundred times.
const PROGRAM_PART: f64 = 0.35;

/// Anything that can be run for its time and memory.
pub(crate) enum Load {
    Task(Task),
    Scene(Scene),
}

impl Load {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Task(task) => task.name(),
            Self::Scene(scene) => scene.name,
        }
    }

    /// An error says why it cannot run here.
    pub(crate) fn ready(&self, part: f64) -> Result<(), String> {
        match self {
            Self::Task(task) => task.ready(),
            Self::Scene(scene) => scene.ready(part),
        }
    }

    pub(crate) fn run(&self, subject: &Subject, part: f64) -> Result<Cost, String> {
        match self {
            Self::Task(task) => run_task(task, subject, part),
            Self::Scene(scene) => scene.run(subject, part).map(|figures| scene.cost(&figures)),
        }
    }
}

/// What a run of a workload cost: time for its work, in or per its unit, and peak MiB.
pub(crate) fn run_task(task: &Task, subject: &Subject, part: f64) -> Result<Cost, String> {
    let part = match task {
        Task::Load(_) => part,
        Task::Program(_) => part * PROGRAM_PART,
    };
    let sample = task.run(subject, part)?;
    let time = if task.unit().is_time() { sample.value } else { 1.0 / sample.value };
    Ok(Cost { time, memory: sample.peak_kib / 1024.0 })
}
