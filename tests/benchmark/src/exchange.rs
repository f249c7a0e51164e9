//! What one UDP exchange with a system looks like: what to send for a client, and which answer is the right one.

/// The load generator's view of a UDP protocol: one datagram there, one back.
pub(crate) trait Exchange: Send + Sync {
    /// Replaces `request` with what client `client` sends. `client` is below the number of clients of the system.
    fn request(&self, client: usize, request: &mut Vec<u8>);

    /// Whether `answer` is what a client that is well wants to hear.
    fn is_right(&self, answer: &[u8]) -> bool;
}
