//! What the figures were measured on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// Processor, cores, kernel and date.
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    date: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let processor = model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // The version number alone: what follows may name the place.
        let kernel = release.split(['-', '\n']).next().unwrap_or_default().to_owned();
        let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
        let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel,
            date: date.unwrap_or_default(),
        }
    }

    pub(crate) fn line(&self) -> String {
        let Self { processor, cores, kernel, date } = self;
        format!("{processor}, {cores} cores, Linux {kernel}, {date}")
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor, "cores": self.cores, "kernel": self.kernel,
            "date": self.date,
        })
    }
}
