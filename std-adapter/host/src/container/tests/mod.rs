//! The readers over made folders, and over the machine.

mod bad;
mod made;
mod mounts;
mod pressure;
mod quota;
mod random;
mod real;
mod usage;
mod v1;
mod v2;
