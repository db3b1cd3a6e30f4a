//! `authprobe check`: its forms, its exit codes.
