//! Storm topologies at native speed: spouts, bolts, groupings, anchored tuples.
