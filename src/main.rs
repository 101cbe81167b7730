//! Arguments → command line → exit code.

use std::process::ExitCode;

/// Candle frees and allocates large tensors all the time; glibc gives each back to the system and takes it again, up to three times slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    colophon::cli::main()
}
