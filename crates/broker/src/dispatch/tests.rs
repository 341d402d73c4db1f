//! The table holds what it promises.

use super::*;

#[test]
fn every_row_is_described_and_in_order() {
    assert!(TABLE.is_sorted_by_key(|row| row.api as i16));
    for row in TABLE {
        let described = row.api.versions();
        assert!(described.contains(&row.oldest) && described.contains(&row.newest));
        assert!(row.told_from <= row.oldest, "{}", row.api.name());
    }
}

#[test]
fn the_page_has_a_line_for_each_row() {
    let page = compatibility_markdown();
    let rows = page.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows, TABLE.len() + 1);
    assert!(page.contains("| Metadata | 3 | 0-13 | tells the address"));
}
