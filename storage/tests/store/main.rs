//! What the store promises, tried through its public functions on real files.

#[cfg(test)]
mod bad_lines;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod life;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pieces;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod power;
#[cfg(test)]
mod reading;
#[cfg(test)]
#[cfg(unix)]
mod readonly;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod recorder;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod workload;
