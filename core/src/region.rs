//! Memory in fixed regions.

mod error;

pub use error::RegionError;
