//! Crowds of clients that pulse. Their tests leave enough of the machine to each other, and share it.

mod fleet;
mod restart;
