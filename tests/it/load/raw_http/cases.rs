//! The cases, by what is wrong with them. Every one of them is one request at most: whatever follows it must not be answered.

use crate::exchange::Case;

mod chunks;
mod fields;
mod lengths;
mod request_line;
mod targets;

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [request_line::cases(), targets::cases(), fields::cases(), lengths::cases(), chunks::cases()].concat()
}

/// The request is refused as malformed.
const REFUSED: &[u16] = &[400];

/// The request is unusual, and may be refused or answered. The client of `[AUTH]` may verify, so 200 is its usual answer.
const EITHER: &[u16] = &[200, 400];

/// No route has this path.
const NO_ROUTE: &[u16] = &[400, 404];
