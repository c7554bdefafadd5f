//! Each fault by itself, at a known moment, with the result that it must have. All invariants hold besides.

use runvoy_simulate::faults::Fault;

mod api;
mod endings;
mod events;
mod launch;
mod locks;
mod logs;
mod stage;
mod store;

/// The protocol's list of faults ends here.
const LAST: u8 = 39;
/// A token in what git prints, and an installer that is killed: what neither the simulation's AWS nor its users can do.
const ELSEWHERE: [u8; 2] = [34, 38];

/// Where the tests of faults are: here, and beside real git servers and the real installer.
const SOURCES: [&str; 9] = [
    include_str!("api.rs"),
    include_str!("endings.rs"),
    include_str!("events.rs"),
    include_str!("launch.rs"),
    include_str!("locks.rs"),
    include_str!("logs.rs"),
    include_str!("store.rs"),
    include_str!("../../../../installer/tests/e2e/code.rs"),
    include_str!("../../../../installer/tests/e2e/kill/mod.rs"),
];

#[test]
fn each_fault_of_the_list_has_a_test_that_is_named_after_it() {
    let lacking = |has: &dyn Fn(u8) -> bool| -> Vec<u8> { (1..=LAST).filter(|number| !has(*number)).collect() };
    let tested = |number| SOURCES.iter().any(|source| source.contains(&format!("#[test]\nfn fault_{number:02}_")));
    assert_eq!(lacking(&tested), [0; 0]);
    let played = |number| Fault::ALL.iter().any(|fault| *fault as u8 == number);
    assert_eq!(lacking(&played), ELSEWHERE);
}
