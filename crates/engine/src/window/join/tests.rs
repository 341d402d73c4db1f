//! Joins that cannot be.

use super::*;

#[test]
fn faults_are_told_with_what_is_known() {
    let join = || Join::new("users", "id");
    let text = |result: Result<Join, JoinError>| result.unwrap_err().to_string();
    assert_eq!(
        text(join().inner("orders", "user", "user").select("a")),
        "orders is joined to user, which is not named before it; known are: users"
    );
    assert_eq!(
        text(join().inner("users", "id", "users").select("a")),
        "users is named twice; join each stream once"
    );
    assert_eq!(
        text(join().left("orders", "user", "users").select("user:a")),
        "the selected field user:a is of no joined stream; known are: users, orders"
    );
    assert_eq!(
        text(join().select("a,,b")),
        "`a,,b` selects an empty field; write `stream:field, field as name`"
    );
    let join = join().inner("orders", "user", "users").select("orders:a.b as c, id").unwrap();
    assert_eq!(join.fields(), ["c", "id"]);
}
