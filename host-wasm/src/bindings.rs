//! What JavaScript sees. No logic here: times are `number`s of milliseconds, everything else is JSON.

#[cfg(feature = "server")]
mod server;

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// See [`crate::world::Simulation`].
#[wasm_bindgen]
#[derive(Debug)]
pub struct Simulation(crate::world::Simulation);

#[wasm_bindgen]
impl Simulation {
    /// A scenario, given as JSON, at its beginning.
    ///
    /// # Errors
    /// If it is no scenario; the message is one line that says where.
    #[wasm_bindgen(constructor)]
    pub fn new(scenario: &str) -> Result<Self, JsError> {
        Ok(Self(crate::world::Simulation::from_json(scenario)?))
    }

    /// The same without a log, and watched by nobody: faster, and only the summary tells of it.
    ///
    /// # Errors
    /// If it is no scenario.
    pub fn bare(scenario: &str) -> Result<Self, JsError> {
        Ok(Self(crate::world::Simulation::bare(crate::world::Scenario::from_json(scenario)?)))
    }

    /// Who is in it, as JSON.
    pub fn cast(&self) -> String {
        self.0.cast()
    }

    /// Runs on until about so many further events are logged; returns them as lines of JSON.
    pub fn run(&mut self, events: f64) -> String {
        // Numbers of JavaScript that are none become 0, which is one event.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        self.0.run(events as u64)
    }

    /// Whether the scenario is over.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// How far it has come, in milliseconds since the beginning.
    #[wasm_bindgen(getter)]
    pub fn elapsed(&self) -> f64 {
        self.0.elapsed() as f64
    }

    /// What it comes down to so far, as JSON.
    pub fn summary(&self) -> String {
        self.0.summary().to_json()
    }
}

/// Plays a scenario, given as JSON, and draws it as a Mermaid sequence diagram.
///
/// # Errors
/// If it is no scenario.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "JavaScript reaches it")]
pub fn mermaid(scenario: &str) -> Result<String, JsError> {
    Ok(crate::world::mermaid(scenario)?)
}
