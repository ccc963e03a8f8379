//! The scripts in a real server whose clock the tests set.

mod compare;
mod conformance;
mod history;
mod scripts;
mod stage;
mod twins;
