//! Content analytics: beacon, topology, views, API and dashboard.
