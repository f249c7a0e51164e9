//! Answers that wait for the disk.

use rendezvous_protocol::Rejection;

use crate::store::Receipt;

/// An answer that is true in memory, and may be given once the store has it too.
#[derive(Debug)]
#[must_use]
pub struct Unconfirmed<T> {
    pub(super) answer: T,
    pub(super) receipt: Receipt,
}

impl<T> Unconfirmed<T> {
    /// The answer, once the store has it.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it could not be stored.
    pub async fn confirmed(self) -> Result<T, Rejection> {
        self.receipt.stored().await.map(|()| self.answer)
    }

    /// The same for a thread of its own: it panics within an asynchronous runtime.
    ///
    /// # Errors
    /// As [`Unconfirmed::confirmed`].
    pub fn wait(self) -> Result<T, Rejection> {
        self.receipt.wait().map(|()| self.answer)
    }
}
