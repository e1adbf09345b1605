//! The workloads, one file each. Each checks words that it wrote into its blocks, so that an
//! allocator that hands one block out twice does not pass for a fast one.

pub(crate) mod bulk;
pub(crate) mod calloc;
pub(crate) mod churn;
pub(crate) mod handover;
pub(crate) mod larson;
pub(crate) mod lifo;
pub(crate) mod mix;
pub(crate) mod passive;
pub(crate) mod realloc;
pub(crate) mod spans;
pub(crate) mod tiny;
pub(crate) mod tiny_program;
