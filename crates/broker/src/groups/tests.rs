//! Groups, step by step.
