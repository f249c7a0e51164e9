//! Power failures and damage at every point of a store, and kills under load: tests that compute, and do not mind how long it takes.

mod crash_disk;
mod damage;
mod kill;
