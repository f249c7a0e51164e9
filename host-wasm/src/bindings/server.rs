//! The server alone, and plain scenarios: for whoever embeds them. The page needs neither, so its module leaves them out.

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// See [`crate::JsonServer`].
#[wasm_bindgen]
#[derive(Debug)]
pub struct Server(crate::JsonServer);

#[wasm_bindgen]
impl Server {
    /// A server without clients; `timing` is JSON.
    ///
    /// # Errors
    /// If the timing cannot be used.
    #[wasm_bindgen(constructor)]
    pub fn new(timing: &str) -> Result<Self, JsError> {
        Ok(Self(crate::JsonServer::new(timing)?))
    }

    /// Handles an input, given and answered as JSON.
    ///
    /// # Errors
    /// If the input or a time cannot be used; nothing was done then.
    pub fn handle(&mut self, now_ms: f64, unix_ms: f64, input: &str) -> Result<String, JsError> {
        Ok(self.0.handle(now_ms, unix_ms, input)?)
    }

    /// When to tick next, in milliseconds, or `undefined`.
    #[wasm_bindgen(js_name = pollTimeout)]
    pub fn poll_timeout(&self) -> Option<f64> {
        self.0.poll_timeout()
    }
}

/// Runs a scenario, given as JSON, from beginning to end; see [`crate::world::replay_json`].
///
/// # Errors
/// If it is no scenario.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "JavaScript reaches it")]
pub fn replay(scenario: &str) -> Result<String, JsError> {
    Ok(crate::world::replay_json(scenario)?)
}
