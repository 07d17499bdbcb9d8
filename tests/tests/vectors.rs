//! Judges the product by the vectors of the file that `ARAUTO_VECTORS` names, else of `tests/vectors.json`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::vectors::harness::run()
}
