//! What a sweep weighs policies by: a workload that stays as it is, a real program, or a scenario.

use crate::allocators::Subject;
use crate::learner::scene::Scene;
use crate::learner::statistics::Cost;
use crate::samples::Sample;
use crate::suite::Task;

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
            Self::Task(task) => task.run(subject, part).map(|sample| cost(task, &sample)),
            Self::Scene(scene) => scene.run(subject, part).map(|figures| scene.cost(&figures)),
        }
    }
}

/// What a run of a workload cost: seconds for its work, and peak memory.
pub(crate) fn cost(task: &Task, sample: &Sample) -> Cost {
    let time = if task.unit().is_time() { sample.value } else { 1.0 / sample.value };
    Cost { time, memory: sample.peak_kib / 1024.0 }
}
